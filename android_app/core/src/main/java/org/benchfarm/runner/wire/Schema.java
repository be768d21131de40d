package org.benchfarm.runner.wire;

import java.util.LinkedHashMap;
import java.util.Map;

/** The fields of one object: their kinds, and the default of those a sender may leave out. */
final class Schema extends Kind {
    private final String name;
    private final Map<String, Kind> kinds = new LinkedHashMap<>();
    private final Map<String, Object> defaults = new LinkedHashMap<>();

    Schema(String name) {
        this.name = name;
    }

    Schema required(String key, Kind kind) {
        kinds.put(key, kind);
        return this;
    }

    Schema optional(String key, Kind kind, Object value) {
        defaults.put(key, value);
        return required(key, kind);
    }

    /** The object with every field present, in the schema's order. */
    @Override
    Object read(Object plain) throws WireFormatException {
        if (!(plain instanceof Map)) {
            throw new WireFormatException("wrong-type", name + " is an object");
        }
        Map<?, ?> given = (Map<?, ?>) plain;
        for (Object key : given.keySet()) {
            if (!kinds.containsKey(key)) {
                throw new WireFormatException("unknown-key", shortened((String) key));
            }
        }
        Map<String, Object> found = new LinkedHashMap<>();
        for (Map.Entry<String, Kind> entry : kinds.entrySet()) {
            found.put(entry.getKey(), field(given, entry.getKey(), entry.getValue()));
        }
        return found;
    }

    private Object field(Map<?, ?> given, String key, Kind kind) throws WireFormatException {
        if (given.containsKey(key)) {
            return kind.read(given.get(key));
        }
        if (!defaults.containsKey(key)) {
            throw new WireFormatException("missing-key", name + "." + key);
        }
        return defaults.get(key);
    }

    private static String shortened(String key) {
        return key.length() > 80 ? key.substring(0, 80) : key;
    }
}
