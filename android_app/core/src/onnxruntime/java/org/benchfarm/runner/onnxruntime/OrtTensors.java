package org.benchfarm.runner.onnxruntime;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.TensorInfo;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Shapes;
import org.benchfarm.runner.engine.Tensor;

/** Between the library's tensors and ours. */
final class OrtTensors {
    private static final String PREFIX = "ONNX_TENSOR_ELEMENT_DATA_TYPE_";

    /** The types of which the Java library makes tensors without copying. */
    private static final Map<String, OnnxJavaType> TYPES = new LinkedHashMap<>();

    private static final Map<String, String> DTYPES = new LinkedHashMap<>();

    static {
        type("FLOAT", "float32", OnnxJavaType.FLOAT);
        type("DOUBLE", "float64", OnnxJavaType.DOUBLE);
        type("FLOAT16", "float16", OnnxJavaType.FLOAT16);
        type("INT8", "int8", OnnxJavaType.INT8);
        type("UINT8", "uint8", OnnxJavaType.UINT8);
        type("INT16", "int16", OnnxJavaType.INT16);
        type("INT32", "int32", OnnxJavaType.INT32);
        type("INT64", "int64", OnnxJavaType.INT64);
        type("BOOL", "bool", OnnxJavaType.BOOL);
    }

    private OrtTensors() {}

    private static void type(String name, String dtype, OnnxJavaType javaType) {
        DTYPES.put(PREFIX + name, dtype);
        TYPES.put(dtype, javaType);
    }

    static Shapes.Declared declared(NodeInfo node) throws Refused {
        TensorInfo info = info(node);
        return new Shapes.Declared(node.getName(), sizes(info), info.getDimensionNames());
    }

    /** The shape with its named dimensions filled in, -1 for what only the inference settles. */
    static int[] settled(NodeInfo node, Map<String, Integer> named) throws Refused {
        TensorInfo info = info(node);
        int[] found = sizes(info);
        for (int place = 0; place < found.length; place++) {
            Integer size = named.get(info.getDimensionNames()[place]);
            if (found[place] < 0) {
                found[place] = size == null ? Tensor.UNSETTLED : size;
            }
        }
        return found;
    }

    static Tensor tensor(NodeInfo node, int[] shape) throws Refused {
        return new Tensor(node.getName(), dtype(node.getName(), info(node)), shape);
    }

    /** A tensor of the library that lives in {@code buffer}. */
    static OnnxTensor over(OrtEnvironment environment, ByteBuffer buffer, Tensor tensor)
            throws OrtException {
        long[] shape = new long[tensor.shape.length];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = tensor.shape[i];
        }
        return OnnxTensor.createTensor(environment, buffer, shape, TYPES.get(tensor.dtype));
    }

    static Model.Output output(OnnxTensor tensor) {
        ByteBuffer buffer = tensor.getByteBuffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return new Model.Output(sizes(tensor.getInfo()), bytes);
    }

    private static TensorInfo info(NodeInfo node) throws Refused {
        if (!(node.getInfo() instanceof TensorInfo)) {
            throw new Refused("model-rejected", "'" + node.getName() + "' is not a tensor");
        }
        return (TensorInfo) node.getInfo();
    }

    private static String dtype(String name, TensorInfo info) throws Refused {
        String found = DTYPES.get(info.onnxType.name());
        if (found == null) {
            String type = info.onnxType.name().replace(PREFIX, "").toLowerCase(Locale.ROOT);
            throw new Refused(
                    "model-rejected",
                    "'" + name + "' holds " + type + "; this runner takes " + TYPES.keySet());
        }
        return found;
    }

    private static int[] sizes(TensorInfo info) {
        long[] shape = info.getShape();
        int[] found = new int[shape.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = (int) shape[i];
        }
        return found;
    }
}
