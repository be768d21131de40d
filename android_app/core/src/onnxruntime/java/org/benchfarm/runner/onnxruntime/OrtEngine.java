package org.benchfarm.runner.onnxruntime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtProvider;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.providers.NNAPIFlags;
import java.io.File;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.Engine;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Options;
import org.benchfarm.runner.engine.ReadModel;
import org.benchfarm.runner.engine.Refused;

/** ONNX Runtime with the CPU, XNNPACK, NNAPI and QNN execution providers the library has. */
public final class OrtEngine implements Engine {
    private static final Map<String, SessionOptions.OptLevel> LEVELS = new LinkedHashMap<>();

    static {
        LEVELS.put("all", SessionOptions.OptLevel.ALL_OPT);
        LEVELS.put("extended", SessionOptions.OptLevel.EXTENDED_OPT);
        LEVELS.put("basic", SessionOptions.OptLevel.BASIC_OPT);
        LEVELS.put("disable", SessionOptions.OptLevel.NO_OPT);
    }

    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();

    /**
     * Creates the session: reading, optimising and planning are one step in this library.
     *
     * <p>Options: {@code graph_optimization}, {@code allow_spinning}, {@code load} ({@code file} or
     * {@code buffer}), {@code profile} (tell from a profile of one inference during preparation
     * which provider ran each node; the default for every delegate but {@code cpu}). With NNAPI
     * also {@code precision} and {@code nnapi_cpu}; with QNN see {@link Qnn}.
     */
    @Override
    public ReadModel load(File model, LoadRequest request) throws Exception {
        request.requireDelegate(delegates());
        Map<String, Object> facts = new LinkedHashMap<>();
        OrtSession session = open(model, request, facts, false);
        boolean profiled = Boolean.TRUE.equals(facts.get("profile"));
        return new OrtModel(environment, session, request, facts, profiled) {
            @Override
            OrtSession openProfiled() throws Exception {
                return open(model, request, new LinkedHashMap<>(), true);
            }
        };
    }

    /** A session as the request asks for it, in any case with a profile where {@code profiled}. */
    private OrtSession open(
            File model, LoadRequest request, Map<String, Object> facts, boolean profiled)
            throws Exception {
        Options options = new Options(request);
        facts.put("engine", "onnxruntime");
        facts.put("version", environment.getVersion());
        facts.put("threads", (long) request.threads);
        try (SessionOptions settings = new SessionOptions()) {
            configure(settings, options, request);
            addProvider(settings, options, request, facts);
            boolean buffered = options.choice("load", "file", "buffer").equals("buffer");
            boolean wanted = options.flag("profile", !request.delegate.equals("cpu"));
            facts.putAll(options.finish());
            if (wanted || profiled) {
                settings.enableProfiling(Profile.filePrefix());
            }
            return buffered
                    ? environment.createSession(Files.readAllBytes(model.toPath()), settings)
                    : environment.createSession(model.getPath(), settings);
        }
    }

    private static List<String> delegates() {
        EnumSet<OrtProvider> available = OrtEnvironment.getAvailableProviders();
        List<String> found = new ArrayList<>();
        found.add("cpu");
        if (available.contains(OrtProvider.XNNPACK)) {
            found.add("xnnpack");
        }
        if (available.contains(OrtProvider.NNAPI)) {
            found.add("nnapi");
        }
        if (available.contains(OrtProvider.QNN)) {
            found.add("qnn");
        }
        return found;
    }

    private static void configure(SessionOptions settings, Options options, LoadRequest request)
            throws OrtException, Refused {
        String[] levels = LEVELS.keySet().toArray(new String[0]);
        boolean spinning = options.flag("allow_spinning", true);
        settings.setIntraOpNumThreads(request.threads);
        settings.setInterOpNumThreads(1);
        settings.setExecutionMode(SessionOptions.ExecutionMode.SEQUENTIAL);
        settings.setOptimizationLevel(LEVELS.get(options.choice("graph_optimization", levels)));
        settings.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
        settings.addConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
    }

    private static void addProvider(
            SessionOptions settings,
            Options options,
            LoadRequest request,
            Map<String, Object> facts)
            throws OrtException, Refused {
        switch (request.delegate) {
            case "xnnpack":
                // XNNPACK brings a thread pool of its own.
                String threads = String.valueOf(request.threads);
                settings.addXnnpack(Collections.singletonMap("intra_op_num_threads", threads));
                settings.setIntraOpNumThreads(1);
                break;
            case "nnapi":
                settings.addNnapi(nnapiFlags(options));
                facts.put("power_mode", "chosen by the library, which offers no setting");
                break;
            case "qnn":
                settings.addQnn(Qnn.providerOptions(options));
                boolean fallback = options.flag("cpu_fallback", true);
                settings.addConfigEntry("session.disable_cpu_ep_fallback", fallback ? "0" : "1");
                break;
            default:
                break;
        }
    }

    private static EnumSet<NNAPIFlags> nnapiFlags(Options options) throws Refused {
        EnumSet<NNAPIFlags> flags = EnumSet.noneOf(NNAPIFlags.class);
        if (options.choice("precision", "fp32", "fp16").equals("fp16")) {
            flags.add(NNAPIFlags.USE_FP16);
        }
        String cpu = options.choice("nnapi_cpu", "allowed", "disabled");
        if (cpu.equals("disabled")) {
            flags.add(NNAPIFlags.CPU_DISABLED);
        }
        return flags;
    }
}
