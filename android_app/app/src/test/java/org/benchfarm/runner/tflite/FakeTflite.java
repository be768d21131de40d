package org.benchfarm.runner.tflite;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;

/**
 * The native half of TFLite's Java library, which exists for Android only: one graph of {@code
 * OPERATIONS} operations that adds 1 to each of its numbers. The library's Java half is the one that
 * goes into the APK.
 */
final class FakeTflite {
    static final int OPERATIONS = 3;
    private static final int INPUT = 0;
    private static final int FLOAT32 = 1;
    private static final long TENSORS_AT = 100;

    /** Nodes that the interpreter executes after delegation. */
    static int planned;

    /** What creating the interpreter fails with; null for nothing. */
    static String failure;

    static int[] shape;
    static List<String> said;
    static ByteBuffer[] memory;

    private FakeTflite() {}

    static void reset() {
        planned = OPERATIONS;
        failure = null;
        said = new ArrayList<>();
        resize(new int[] {1, 4});
    }

    private static void resize(int[] wanted) {
        shape = wanted;
        int bytes = Float.BYTES;
        for (int size : wanted) {
            bytes *= size;
        }
        memory = new ByteBuffer[] {direct(bytes), direct(bytes)};
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    /** The smallest file in which TfliteFile finds the operations. */
    static byte[] file() {
        ByteBuffer file = ByteBuffer.allocate(100).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0, 20).put(4, (byte) 'T').put(5, (byte) 'F').put(6, (byte) 'L').put(7, (byte) '3');
        file.putInt(20, 12).putShort(8, (short) 12).putShort(12 + 4, (short) 0); // model at 20
        file.putShort(8 + 4 + 2 * 2, (short) 4).putInt(24, 8); // its subgraphs at 32
        file.putInt(32, 1).putInt(36, 24); // one, at 60
        file.putInt(60, 20).putShort(40, (short) 12).putShort(40 + 4 + 2 * 3, (short) 4);
        file.putInt(64, 16).putInt(80, OPERATIONS); // its operations at 80
        return file.array();
    }

    /** The library's version. */
    @Implements(className = "org.tensorflow.lite.InterpreterFactoryImpl")
    public static class Factory {
        @Implementation
        protected static String nativeRuntimeVersion() {
            return "2.16.1";
        }
    }

    /** Interpreters. */
    @Implements(className = "org.tensorflow.lite.NativeInterpreterWrapper")
    public static class Interpreters {
        @Implementation
        protected static long createErrorReporter(int size) {
            return 1;
        }

        @Implementation
        protected static long createModelWithBuffer(ByteBuffer model, long reporter) {
            said.add("model of " + model.capacity() + " bytes");
            return 2;
        }

        @Implementation
        protected static long createInterpreter(
                long model, long reporter, int threads, boolean xnnpack, List<Long> delegates) {
            if (failure != null && !delegates.isEmpty()) {
                throw new IllegalArgumentException(failure);
            }
            said.add("threads " + threads + " xnnpack " + xnnpack + " delegates " + delegates);
            return 3;
        }

        @Implementation
        protected static int getInputCount(long interpreter) {
            return 1;
        }

        @Implementation
        protected static int getOutputCount(long interpreter) {
            return 1;
        }

        @Implementation
        protected static int getInputTensorIndex(long interpreter, int place) {
            return INPUT;
        }

        @Implementation
        protected static int getOutputTensorIndex(long interpreter, int place) {
            return INPUT + 1;
        }

        @Implementation
        protected static int getExecutionPlanLength(long interpreter) {
            return planned;
        }

        @Implementation
        protected static boolean resizeInput(
                long interpreter, long reporter, int index, int[] wanted, boolean strict) {
            said.add("resized to " + Arrays.toString(wanted) + (strict ? " strictly" : ""));
            resize(wanted);
            return true;
        }

        @Implementation
        protected static void run(long interpreter, long reporter) {
            for (int at = 0; at < memory[0].capacity(); at += Float.BYTES) {
                memory[1].putFloat(at, memory[0].getFloat(at) + 1);
            }
        }

        @Implementation
        protected static void delete(long reporter, long model, long interpreter) {
            if (model != 0) {
                said.add("closed");
            }
        }
    }

    /** The input and the output of the graph. */
    @Implements(className = "org.tensorflow.lite.TensorImpl")
    public static class Tensors {
        @Implementation
        protected static long create(long interpreter, int index, int subgraph) {
            return TENSORS_AT + index;
        }

        private static ByteBuffer of(long handle) {
            return memory[(int) (handle - TENSORS_AT)];
        }

        @Implementation
        protected static ByteBuffer buffer(long handle) {
            return of(handle);
        }

        @Implementation
        protected static void writeDirectBuffer(long handle, Buffer source) {
            of(handle).clear();
            of(handle).put(((ByteBuffer) source).duplicate());
            of(handle).clear();
        }

        @Implementation
        protected static int dtype(long handle) {
            return FLOAT32;
        }

        @Implementation
        protected static int[] shape(long handle) {
            return shape.clone();
        }

        @Implementation
        protected static int[] shapeSignature(long handle) {
            return new int[] {-1, 4};
        }

        @Implementation
        protected static int numBytes(long handle) {
            return of(handle).capacity();
        }

        @Implementation
        protected static int index(long handle) {
            return (int) (handle - TENSORS_AT);
        }

        @Implementation
        protected static String name(long handle) {
            return handle == TENSORS_AT ? "x" : "y";
        }

        @Implementation
        protected static float quantizationScale(long handle) {
            return handle == TENSORS_AT ? 0.5f : 0;
        }

        @Implementation
        protected static int quantizationZeroPoint(long handle) {
            return handle == TENSORS_AT ? -3 : 0;
        }
    }

    /** The GPU delegate. */
    @Implements(className = "org.tensorflow.lite.gpu.GpuDelegate")
    public static class Gpu {
        @Implementation
        protected static long createDelegate(
                boolean lossy, boolean quantized, int preference, String folder, String token,
                int backend) {
            said.add("gpu " + lossy + " " + quantized + " " + preference + " " + backend);
            return 71;
        }

        @Implementation
        protected static void deleteDelegate(long handle) {
            said.add("gpu closed");
        }
    }

    /** The NNAPI delegate. */
    @Implements(className = "org.tensorflow.lite.nnapi.NnApiDelegateImpl")
    public static class Nnapi {
        @Implementation
        protected static long createDelegate(
                int preference, String accelerator, String cache, String token, int partitions,
                boolean nnapiCpuSet, boolean disallowCpu, boolean fp16, long errno) {
            said.add("nnapi " + preference + " " + accelerator + " " + disallowCpu + " " + fp16);
            return 72;
        }

        @Implementation
        protected static void deleteDelegate(long handle) {
            said.add("nnapi closed");
        }
    }
}
