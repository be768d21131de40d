package org.benchfarm.runner.wire;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Canonical JSON: keys sorted by code point, no spaces, no escapes but the necessary ones. */
final class JsonWriter {
    private static final Comparator<String> BY_CODE_POINT =
            new Comparator<String>() {
                @Override
                public int compare(String left, String right) {
                    int[] first = codePoints(left);
                    int[] second = codePoints(right);
                    for (int i = 0; i < Math.min(first.length, second.length); i++) {
                        if (first[i] != second[i]) {
                            return Integer.compare(first[i], second[i]);
                        }
                    }
                    return Integer.compare(first.length, second.length);
                }
            };

    private final StringBuilder text = new StringBuilder();

    private JsonWriter() {}

    static String write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.value(value);
        return writer.text.toString();
    }

    private void value(Object value) {
        if (value instanceof Map) {
            object((Map<?, ?>) value);
        } else if (value instanceof List) {
            array((List<?>) value);
        } else if (value instanceof String) {
            string((String) value);
        } else {
            text.append(value); // Long and Boolean write themselves as JSON does
        }
    }

    private void object(Map<?, ?> value) {
        TreeMap<String, Object> sorted = new TreeMap<>(BY_CODE_POINT);
        for (Map.Entry<?, ?> entry : value.entrySet()) {
            sorted.put((String) entry.getKey(), entry.getValue());
        }
        text.append('{');
        String comma = "";
        for (Map.Entry<String, Object> entry : sorted.entrySet()) {
            text.append(comma);
            string(entry.getKey());
            text.append(':');
            value(entry.getValue());
            comma = ",";
        }
        text.append('}');
    }

    private void array(List<?> value) {
        text.append('[');
        String comma = "";
        for (Object item : value) {
            text.append(comma);
            value(item);
            comma = ",";
        }
        text.append(']');
    }

    private void string(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            character(value.charAt(i));
        }
        text.append('"');
    }

    private void character(char next) {
        int simple = "\"\\\b\f\n\r\t".indexOf(next);
        if (simple >= 0) {
            text.append('\\').append("\"\\bfnrt".charAt(simple));
        } else if (next < ' ') {
            text.append(String.format("\\u%04x", (int) next));
        } else {
            text.append(next);
        }
    }

    private static int[] codePoints(String value) {
        int[] found = new int[value.codePointCount(0, value.length())];
        for (int place = 0, i = 0; i < found.length; i++) {
            found[i] = value.codePointAt(place);
            place += Character.charCount(found[i]);
        }
        return found;
    }
}
