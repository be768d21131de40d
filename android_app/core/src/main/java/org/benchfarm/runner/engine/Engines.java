package org.benchfarm.runner.engine;

import java.util.LinkedHashMap;
import java.util.Map;

/** The engines by name. A build holds those of its flavour; the others' classes are absent. */
public final class Engines {
    private static final Map<String, String> CLASSES = new LinkedHashMap<>();

    static {
        CLASSES.put("tflite", "org.benchfarm.runner.tflite.TfliteEngine");
        CLASSES.put("onnxruntime", "org.benchfarm.runner.onnxruntime.OrtEngine");
    }

    private Engines() {}

    /** Opens an engine, which loads its library; refused when this build does not have it. */
    public static Engine open(String name) throws Refused {
        String type = CLASSES.get(name);
        if (type == null) {
            throw new Refused(
                    "option-rejected",
                    "no engine '" + name + "'; runners have " + CLASSES.keySet());
        }
        try {
            return (Engine) Class.forName(type).getConstructor().newInstance();
        } catch (ClassNotFoundException | NoClassDefFoundError absent) {
            throw new Refused(
                    "option-rejected",
                    "this build of the runner has no engine '" + name + "'; install another flavour");
        } catch (ReflectiveOperationException | LinkageError failure) {
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            throw Refused.because(cause, "option-rejected");
        }
    }
}
