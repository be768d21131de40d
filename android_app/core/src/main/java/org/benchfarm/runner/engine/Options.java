package org.benchfarm.runner.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reading a load's options one by one: what is unknown or of the wrong kind is refused. */
public final class Options {
    private final String engine;
    private final Map<String, Object> left;
    private final List<String> known = new ArrayList<>();
    private final Map<String, Object> inForce = new LinkedHashMap<>();

    public Options(LoadRequest request) {
        engine = request.engine + " with delegate " + request.delegate;
        left = new LinkedHashMap<>(request.options);
    }

    public boolean flag(String name, boolean otherwise) throws Refused {
        Object value = take(name, otherwise);
        if (!(value instanceof Boolean)) {
            throw new Refused("option-rejected", name + " is true or false, not " + value);
        }
        inForce.put(name, value);
        return (Boolean) value;
    }

    /** One of a few words; the first is the default. */
    public String choice(String name, String... choices) throws Refused {
        Object value = take(name, choices[0]);
        if (!Arrays.asList(choices).contains(value)) {
            String wanted = String.join(" or ", choices);
            throw new Refused("option-rejected", name + " is " + wanted + ", not " + value);
        }
        inForce.put(name, value);
        return (String) value;
    }

    /** Any text; empty by default, and then not among the options in force. */
    public String text(String name) throws Refused {
        Object value = take(name, "");
        if (!(value instanceof String)) {
            throw new Refused("option-rejected", name + " is a text, not " + value);
        }
        if (!((String) value).isEmpty()) {
            inForce.put(name, value);
        }
        return (String) value;
    }

    /** Refuses what nobody asked for, and returns the options in force, defaults included. */
    public Map<String, Object> finish() throws Refused {
        for (String name : left.keySet()) {
            throw new Refused(
                    "option-rejected", engine + " has no option '" + name + "'; it has " + known);
        }
        return inForce;
    }

    private Object take(String name, Object otherwise) {
        known.add(name);
        Object given = left.remove(name);
        return given == null ? otherwise : given;
    }
}
