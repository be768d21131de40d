package org.benchfarm.runner.wire;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a field may hold; {@link #read} returns the value as it is kept, or refuses it. */
abstract class Kind {
    abstract Object read(Object plain) throws WireFormatException;

    static final Kind INTEGER =
            new Kind() {
                @Override
                Object read(Object plain) throws WireFormatException {
                    return wanted(plain, Long.class, "an integer");
                }
            };

    static final Kind BOOLEAN =
            new Kind() {
                @Override
                Object read(Object plain) throws WireFormatException {
                    return wanted(plain, Boolean.class, "a boolean");
                }
            };

    static final Kind STRING =
            new Kind() {
                @Override
                Object read(Object plain) throws WireFormatException {
                    return checked(wanted(plain, String.class, "a string"));
                }
            };

    static final Kind SCALAR =
            new Kind() {
                @Override
                Object read(Object plain) throws WireFormatException {
                    if (plain instanceof Boolean || plain instanceof Long) {
                        return plain;
                    }
                    return STRING.read(plain);
                }
            };

    static Kind listOf(final Kind item) {
        return new Kind() {
            @Override
            Object read(Object plain) throws WireFormatException {
                List<Object> found = new ArrayList<>();
                for (Object each : wanted(plain, List.class, "an array")) {
                    found.add(item.read(each));
                }
                return found;
            }
        };
    }

    static Kind mapOf(final Kind item) {
        return new Kind() {
            @Override
            Object read(Object plain) throws WireFormatException {
                Map<String, Object> found = new LinkedHashMap<>();
                Map<?, ?> given = wanted(plain, Map.class, "an object");
                for (Map.Entry<?, ?> entry : given.entrySet()) {
                    found.put((String) STRING.read(entry.getKey()), item.read(entry.getValue()));
                }
                return found;
            }
        };
    }

    private static <T> T wanted(Object plain, Class<T> type, String name)
            throws WireFormatException {
        if (!type.isInstance(plain)) {
            throw new WireFormatException("wrong-type", name + " belongs here");
        }
        return type.cast(plain);
    }

    private static String checked(String value) throws WireFormatException {
        int bytes = 0;
        for (int place = 0; place < value.length(); ) {
            int code = value.codePointAt(place);
            if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
                throw new WireFormatException("bad-text", "a string holds a lone surrogate");
            }
            bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
            place += Character.charCount(code);
        }
        if (bytes > Limits.MAX_STRING_BYTES) {
            throw new WireFormatException("string-too-long", bytes + " bytes");
        }
        return value;
    }
}
