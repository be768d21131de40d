package org.benchfarm.runner.onnxruntime;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.ReadModel;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Shapes;
import org.benchfarm.runner.engine.Tensor;

/**
 * One session whose inputs, and outputs of known shape, are tensors over direct buffers of ours: an
 * inference copies into and out of these, and nothing else.
 */
abstract class OrtModel implements ReadModel, Model {
    private final OrtEnvironment environment;
    private final OrtSession session;
    private final LoadRequest request;
    private final Map<String, Object> facts;
    private final boolean profiled;
    private final Map<String, OnnxTensor> given = new LinkedHashMap<>();
    private final Map<String, OnnxTensor> pinned = new LinkedHashMap<>();
    private Map<String, Object> placement;
    private Tensor[] inputs;
    private Tensor[] outputs;
    private ByteBuffer[] sources;
    private ByteBuffer[] inputBuffers;
    private ByteBuffer[] outputBuffers;
    private ByteBuffer[] copies;
    private OrtSession.Result result;
    private List<Output> unsettled;

    OrtModel(
            OrtEnvironment environment,
            OrtSession session,
            LoadRequest request,
            Map<String, Object> facts,
            boolean profiled) {
        this.environment = environment;
        this.session = session;
        this.request = request;
        this.facts = facts;
        this.profiled = profiled;
    }

    @Override
    public Model prepare() throws Exception {
        try {
            resolveShapes();
            inputBuffers = buffers(inputs, given);
            if (outputsSettled()) {
                outputBuffers = buffers(outputs, pinned);
                copies = direct(outputs);
            }
            placement = profiled ? profile() : registered();
            return this;
        } catch (Exception | OutOfMemoryError failure) {
            close();
            throw failure;
        }
    }

    private void resolveShapes() throws OrtException, Refused {
        List<Shapes.Declared> declared = new ArrayList<>();
        for (NodeInfo info : session.getInputInfo().values()) {
            declared.add(OrtTensors.declared(info));
        }
        Shapes shapes = new Shapes(declared, request);
        inputs = new Tensor[declared.size()];
        int place = 0;
        for (NodeInfo info : session.getInputInfo().values()) {
            inputs[place] = OrtTensors.tensor(info, shapes.concrete[place]);
            place++;
        }
        List<Tensor> made = new ArrayList<>();
        for (NodeInfo info : session.getOutputInfo().values()) {
            made.add(OrtTensors.tensor(info, OrtTensors.settled(info, shapes.named)));
        }
        outputs = made.toArray(new Tensor[0]);
    }

    private boolean outputsSettled() {
        for (Tensor output : outputs) {
            if (!output.isSettled()) {
                return false;
            }
        }
        return true;
    }

    private ByteBuffer[] buffers(Tensor[] tensors, Map<String, OnnxTensor> into)
            throws OrtException, Refused {
        ByteBuffer[] found = direct(tensors);
        for (int i = 0; i < found.length; i++) {
            into.put(tensors[i].name, OrtTensors.over(environment, found[i], tensors[i]));
        }
        return found;
    }

    private static ByteBuffer[] direct(Tensor[] tensors) throws Refused {
        ByteBuffer[] found = new ByteBuffer[tensors.length];
        for (int i = 0; i < found.length; i++) {
            int size = tensors[i].bufferBytes();
            found[i] = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
        }
        return found;
    }

    private static Map<String, Object> registered() {
        return Collections.<String, Object>singletonMap("providers", "CPUExecutionProvider");
    }

    /** Runs once on zeros and reads from the profile which provider ran each node. */
    private Map<String, Object> profile() throws Exception {
        invoke();
        closeResult();
        Map<String, Object> found = Profile.nodesByProvider(session.endProfiling());
        if (!request.delegate.equals("cpu") && found.size() == 2
                && found.containsKey("CPUExecutionProvider")) {
            throw new Refused(
                    "delegate-rejected", request.delegate + " took no node of this model");
        }
        return found;
    }

    /** Another session of the same model with the library's profiler on. */
    abstract OrtSession openProfiled() throws Exception;

    @Override
    public byte[] profile(int runs) throws Exception {
        try (OrtSession profiling = openProfiled()) {
            copyIn();
            for (int i = 0; i < runs; i++) {
                profiling.run(given).close();
            }
            return Profile.take(profiling.endProfiling());
        }
    }

    @Override
    public String profileFormat() {
        return "onnxruntime";
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

    @Override
    public Map<String, Object> placement() {
        return placement;
    }

    @Override
    public void bind(ByteBuffer[] inputs) {
        sources = inputs;
    }

    @Override
    public void copyIn() {
        copy(sources, inputBuffers);
    }

    @Override
    public void invoke() throws OrtException {
        result = pinned.isEmpty() ? session.run(given) : session.run(given, pinned);
    }

    @Override
    public long copiedInsideNs() {
        return 0;
    }

    @Override
    public void copyOut() throws OrtException {
        if (outputBuffers != null) {
            copy(outputBuffers, copies);
        } else {
            unsettled = new ArrayList<>();
            for (Map.Entry<String, OnnxValue> entry : result) {
                unsettled.add(OrtTensors.output((OnnxTensor) entry.getValue()));
            }
        }
        closeResult();
    }

    private static void copy(ByteBuffer[] from, ByteBuffer[] to) {
        for (int i = 0; i < from.length; i++) {
            from[i].clear();
            to[i].clear();
            to[i].put(from[i]);
        }
    }

    /** Pinned outputs are ours and stay open; what the session made for one inference goes. */
    private void closeResult() {
        result.close();
        result = null;
    }

    @Override
    public List<Output> results() {
        if (outputBuffers == null) {
            return unsettled;
        }
        List<Output> found = new ArrayList<>();
        for (int i = 0; i < copies.length; i++) {
            byte[] bytes = new byte[copies[i].capacity()];
            copies[i].clear();
            copies[i].get(bytes);
            found.add(new Output(outputs[i].shape, bytes));
        }
        return found;
    }

    @Override
    public void close() {
        for (OnnxTensor tensor : given.values()) {
            tensor.close();
        }
        for (OnnxTensor tensor : pinned.values()) {
            tensor.close();
        }
        try {
            session.close();
        } catch (OrtException failure) {
            throw new IllegalStateException(failure);
        }
    }
}
