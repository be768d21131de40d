package org.benchfarm.runner.tflite;

import org.benchfarm.runner.engine.Options;
import org.benchfarm.runner.engine.Refused;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.gpu.GpuDelegate;
import org.tensorflow.lite.gpu.GpuDelegateFactory;
import org.tensorflow.lite.nnapi.NnApiDelegate;

/** Delegates with their options; each option's first choice is the library's own default. */
final class Delegates {
    private Delegates() {}

    /** Adds the delegate a request names; returns what has to be closed after the interpreter. */
    static AutoCloseable add(String name, Options options, Interpreter.Options settings)
            throws Refused {
        switch (name) {
            case "gpu":
                return gpu(options, settings);
            case "nnapi":
                return nnapi(options, settings);
            default:
                return null; // XNNPACK is a setting of the interpreter
        }
    }

    private static AutoCloseable gpu(Options options, Interpreter.Options settings)
            throws Refused {
        GpuDelegateFactory.Options wanted = new GpuDelegateFactory.Options();
        String precision = options.choice("precision", "fp16", "fp32");
        wanted.setPrecisionLossAllowed(precision.equals("fp16"));
        wanted.setQuantizedModelsAllowed(options.flag("quantized", true));
        switch (options.choice("power_mode", "fast-single-answer", "sustained-speed")) {
            case "sustained-speed":
                wanted.setInferencePreference(
                        GpuDelegateFactory.Options.INFERENCE_PREFERENCE_SUSTAINED_SPEED);
                break;
            default:
                wanted.setInferencePreference(
                        GpuDelegateFactory.Options.INFERENCE_PREFERENCE_FAST_SINGLE_ANSWER);
        }
        switch (options.choice("backend", "any", "opencl", "opengl")) {
            case "opencl":
                wanted.setForceBackend(GpuDelegateFactory.Options.GpuBackend.OPENCL);
                break;
            case "opengl":
                wanted.setForceBackend(GpuDelegateFactory.Options.GpuBackend.OPENGL);
                break;
            default:
                break;
        }
        final GpuDelegate delegate = new GpuDelegate(wanted);
        settings.addDelegate(delegate);
        return new AutoCloseable() {
            @Override
            public void close() {
                delegate.close();
            }
        };
    }

    private static AutoCloseable nnapi(Options options, Interpreter.Options settings)
            throws Refused {
        NnApiDelegate.Options wanted = new NnApiDelegate.Options();
        wanted.setExecutionPreference(
                preference(
                        options.choice(
                                "power_mode",
                                "library-default",
                                "fast-single-answer",
                                "sustained-speed",
                                "low-power")));
        wanted.setAllowFp16(options.choice("precision", "fp32", "fp16").equals("fp16"));
        wanted.setUseNnapiCpu(options.flag("nnapi_cpu", false));
        String accelerator = options.text("accelerator");
        if (!accelerator.isEmpty()) {
            wanted.setAcceleratorName(accelerator);
        }
        NnApiDelegate delegate = new NnApiDelegate(wanted);
        settings.addDelegate(delegate);
        return delegate;
    }

    private static int preference(String mode) {
        switch (mode) {
            case "fast-single-answer":
                return NnApiDelegate.Options.EXECUTION_PREFERENCE_FAST_SINGLE_ANSWER;
            case "sustained-speed":
                return NnApiDelegate.Options.EXECUTION_PREFERENCE_SUSTAINED_SPEED;
            case "low-power":
                return NnApiDelegate.Options.EXECUTION_PREFERENCE_LOW_POWER;
            default:
                return NnApiDelegate.Options.EXECUTION_PREFERENCE_UNDEFINED;
        }
    }
}
