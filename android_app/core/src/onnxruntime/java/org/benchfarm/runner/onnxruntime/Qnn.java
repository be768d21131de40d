package org.benchfarm.runner.onnxruntime;

import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.engine.Options;
import org.benchfarm.runner.engine.Refused;

/**
 * Options of ONNX Runtime's QNN execution provider, by the names of its documentation.
 *
 * <p>{@code backend}: the signal processor ({@code htp}), {@code gpu} or Qualcomm's reference on
 * the {@code cpu}. {@code power_mode} and {@code precision} are the signal processor's: what is not
 * set is left to the library, and the record says so.
 */
final class Qnn {
    private static final String UNSET = "library-default";

    private static final String[] POWER_MODES = {
        UNSET,
        "burst",
        "sustained-high-performance",
        "high-performance",
        "balanced",
        "low-balanced",
        "high-power-saver",
        "power-saver",
        "low-power-saver",
        "extreme-power-saver"
    };

    private Qnn() {}

    static Map<String, String> providerOptions(Options options) throws Refused {
        Map<String, String> found = new LinkedHashMap<>();
        String backend = options.choice("backend", "htp", "gpu", "cpu");
        String letters = backend.equals("htp") ? "Htp" : backend.equals("gpu") ? "Gpu" : "Cpu";
        found.put("backend_path", "libQnn" + letters + ".so");
        if (!backend.equals("htp")) {
            return found;
        }
        String power = options.choice("power_mode", POWER_MODES);
        if (!power.equals(UNSET)) {
            found.put("htp_performance_mode", power.replace('-', '_'));
        }
        String precision = options.choice("precision", UNSET, "fp16", "fp32");
        if (!precision.equals(UNSET)) {
            found.put("enable_htp_fp16_precision", precision.equals("fp16") ? "1" : "0");
        }
        return found;
    }
}
