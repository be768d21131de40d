package org.benchfarm.runner.tflite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.ReadModel;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Shapes;
import org.benchfarm.runner.engine.Tensor;
import org.tensorflow.lite.ExecutionPlan;
import org.tensorflow.lite.Interpreter;

/**
 * One interpreter with its inputs fixed in shape.
 *
 * <p>The library copies inputs and runs in one call and tells how long the run itself took; the
 * rest of the call is the input copy. Outputs are read from the interpreter's own memory.
 */
final class TfliteModel implements ReadModel, Model {
    private static final Map<Integer, Object> NO_OUTPUTS = Collections.emptyMap();

    private final ByteBuffer bytes;
    private final Interpreter.Options settings;
    private final AutoCloseable delegate;
    private final LoadRequest request;
    private final Map<String, Object> facts;
    private Interpreter interpreter;
    private Tensor[] inputs;
    private Tensor[] outputs;
    private Object[] sources;
    private ByteBuffer[] copies;
    private int operations;
    private long callNs;

    TfliteModel(
            ByteBuffer bytes,
            Interpreter.Options settings,
            AutoCloseable delegate,
            LoadRequest request,
            Map<String, Object> facts) {
        this.bytes = bytes;
        this.settings = settings;
        this.delegate = delegate;
        this.request = request;
        this.facts = facts;
    }

    @Override
    public Model prepare() throws Exception {
        try {
            open();
            return this;
        } catch (Exception | OutOfMemoryError failure) {
            close();
            throw failure;
        }
    }

    private void open() throws Refused {
        operations = TfliteFile.operations(bytes); // refuses other files before the library does
        interpreter = interpreter();
        resize();
        interpreter.allocateTensors();
        inputs = new Tensor[interpreter.getInputTensorCount()];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = tensor(interpreter.getInputTensor(i));
        }
        outputs = new Tensor[interpreter.getOutputTensorCount()];
        copies = new ByteBuffer[outputs.length];
        for (int i = 0; i < outputs.length; i++) {
            outputs[i] = tensor(interpreter.getOutputTensor(i));
        }
        requireDelegation();
    }

    private Interpreter interpreter() throws Refused {
        try {
            return new Interpreter(bytes, settings);
        } catch (RuntimeException failure) {
            String text = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
            boolean delegated = delegate != null && text.contains("delegate");
            throw Refused.because(failure, delegated ? "delegate-rejected" : "model-rejected");
        }
    }

    private void resize() throws Refused {
        List<Shapes.Declared> declared = new ArrayList<>();
        for (int i = 0; i < interpreter.getInputTensorCount(); i++) {
            org.tensorflow.lite.Tensor input = interpreter.getInputTensor(i);
            int[] sizes = input.shapeSignature();
            sizes = sizes.length == input.shape().length ? sizes : input.shape();
            String[] names = new String[sizes.length];
            Arrays.fill(names, "");
            declared.add(new Shapes.Declared(input.name(), sizes, names));
        }
        int[][] shapes = new Shapes(declared, request).concrete;
        for (int i = 0; i < shapes.length; i++) {
            if (!Arrays.equals(shapes[i], interpreter.getInputTensor(i).shape())) {
                interpreter.resizeInput(i, shapes[i], true);
            }
        }
    }

    private static Tensor tensor(org.tensorflow.lite.Tensor given) throws Refused {
        String dtype = given.dataType().name().toLowerCase(Locale.ROOT);
        if (dtype.equals("string")) {
            throw new Refused("model-rejected", "'" + given.name() + "' holds text, not numbers");
        }
        float scale = given.quantizationParams().getScale();
        int zeroPoint = given.quantizationParams().getZeroPoint();
        return new Tensor(given.name(), dtype, given.shape(), scale, zeroPoint);
    }

    /**
     * A delegate that took nothing would be a silent run on the CPU. A partition counts as one node
     * in the plan, so a graph of one operation cannot tell.
     */
    private void requireDelegation() throws Refused {
        boolean wanted = !request.delegate.equals("cpu");
        if (wanted && operations > 1 && ExecutionPlan.length(interpreter) == operations) {
            throw new Refused(
                    "delegate-rejected", request.delegate + " took no operation of this model");
        }
    }

    @Override
    public Tensor[] inputs() {
        return inputs;
    }

    @Override
    public Tensor[] outputs() {
        return outputs;
    }

    @Override
    public Map<String, Object> facts() {
        return facts;
    }

    /**
     * Operations of the file and nodes of the plan. Only a plan of one node says for certain how
     * many operations were delegated; otherwise the library's log does, which the host reads.
     */
    @Override
    public Map<String, Object> placement() {
        Map<String, Object> found = new LinkedHashMap<>();
        long planned = ExecutionPlan.length(interpreter);
        found.put("graph_ops", (long) operations);
        found.put("planned_nodes", planned);
        if (planned == 1 && operations > 1) {
            found.put("ops", (long) operations);
            found.put("delegated_ops", (long) operations);
            found.put("delegate_nodes", planned);
        }
        return found;
    }

    @Override
    public void bind(ByteBuffer[] given) {
        sources = given;
    }

    @Override
    public void copyIn() {
        for (Object source : sources) {
            ((ByteBuffer) source).clear();
        }
    }

    @Override
    public void invoke() {
        long began = System.nanoTime();
        interpreter.runForMultipleInputsOutputs(sources, NO_OUTPUTS);
        callNs = System.nanoTime() - began;
    }

    @Override
    public long copiedInsideNs() {
        return callNs - interpreter.getLastNativeInferenceDurationNanoseconds();
    }

    @Override
    public void copyOut() {
        for (int i = 0; i < copies.length; i++) {
            ByteBuffer made = interpreter.getOutputTensor(i).asReadOnlyBuffer();
            if (copies[i] == null || copies[i].capacity() != made.remaining()) {
                copies[i] = direct(made.remaining());
            }
            copies[i].clear();
            copies[i].put(made);
        }
    }

    private static ByteBuffer direct(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }

    @Override
    public List<Output> results() {
        List<Output> found = new ArrayList<>();
        for (int i = 0; i < copies.length; i++) {
            byte[] made = new byte[copies[i].capacity()];
            copies[i].clear();
            copies[i].get(made);
            found.add(new Output(interpreter.getOutputTensor(i).shape(), made));
        }
        return found;
    }

    @Override
    public void close() {
        if (interpreter != null) {
            interpreter.close();
        }
        try {
            if (delegate != null) {
                delegate.close();
            }
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }
}
