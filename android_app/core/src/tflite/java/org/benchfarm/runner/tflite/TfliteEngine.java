package org.benchfarm.runner.tflite;

import java.io.File;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.Engine;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Options;
import org.benchfarm.runner.engine.ReadModel;
import org.benchfarm.runner.engine.Refused;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.TensorFlowLite;

/** TFLite's Java interpreter with its built-in kernels, XNNPACK, the GPU delegate and NNAPI. */
public final class TfliteEngine implements Engine {
    private static final List<String> DELEGATES = Arrays.asList("cpu", "xnnpack", "gpu", "nnapi");

    public TfliteEngine() {
        TensorFlowLite.init();
    }

    /**
     * Maps ({@code load: mmap}, the default) or reads ({@code load: buffer}) the file. Parsing,
     * delegates and memory are one call of the library, which counts as preparation.
     *
     * <p>Delegate {@code cpu} is the library's default path, which uses XNNPACK where it can; the
     * option {@code xnnpack: false} leaves the built-in kernels only.
     */
    @Override
    public ReadModel load(File model, LoadRequest request) throws Exception {
        request.requireDelegate(DELEGATES);
        Options options = new Options(request);
        boolean mapped = options.choice("load", "mmap", "buffer").equals("mmap");
        boolean xnnpack = request.delegate.equals("xnnpack");
        if (request.delegate.equals("cpu")) {
            xnnpack = options.flag("xnnpack", true);
        }
        Interpreter.Options settings = new Interpreter.Options();
        settings.setNumThreads(request.threads);
        settings.setUseXNNPACK(xnnpack);
        AutoCloseable delegate = Delegates.add(request.delegate, options, settings);
        try {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("engine", "tflite");
            facts.put("version", TensorFlowLite.runtimeVersion());
            facts.put("threads", (long) request.threads);
            facts.putAll(options.finish());
            ByteBuffer bytes = mapped ? map(model) : read(model);
            return new TfliteModel(bytes, settings, delegate, request, facts);
        } catch (Exception | OutOfMemoryError failure) {
            if (delegate != null) {
                delegate.close();
            }
            throw failure;
        }
    }

    private static ByteBuffer map(File model) throws Exception {
        try (RandomAccessFile file = new RandomAccessFile(model, "r");
                FileChannel channel = file.getChannel()) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        }
    }

    private static ByteBuffer read(File model) throws Exception {
        try (RandomAccessFile file = new RandomAccessFile(model, "r");
                FileChannel channel = file.getChannel()) {
            if (channel.size() > Integer.MAX_VALUE) {
                throw new Refused("model-rejected", "too large to read into a buffer; use mmap");
            }
            ByteBuffer bytes = ByteBuffer.allocateDirect((int) channel.size());
            while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                continue;
            }
            bytes.clear();
            return bytes.order(ByteOrder.nativeOrder());
        }
    }
}
