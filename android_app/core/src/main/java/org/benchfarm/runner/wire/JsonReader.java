package org.benchfarm.runner.wire;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Strict JSON as the wire has it: integers of 64 bits, no key twice, bounded depth.
 *
 * <p>Objects become {@code Map}, arrays {@code List}, integers {@code Long}, null {@link #NULL}.
 */
final class JsonReader {
    /** JSON's null: never allowed in a message, but a value all the same while it is parsed. */
    static final Object NULL = new Object();

    private static final String SPACES = " \t\n\r";

    private final String text;
    private int place;
    private int depth;

    private JsonReader(String text) {
        this.text = text;
    }

    /** The one value in {@code payload}. */
    static Object read(byte[] payload) throws WireFormatException {
        JsonReader reader = new JsonReader(decode(payload));
        Object value = reader.value();
        reader.skipSpaces();
        if (reader.place < reader.text.length()) {
            throw reader.bad("more after the value");
        }
        return value;
    }

    private static String decode(byte[] payload) throws WireFormatException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(payload)).toString();
        } catch (CharacterCodingException fault) {
            throw new WireFormatException("bad-utf8", String.valueOf(fault.getMessage()));
        }
    }

    private Object value() throws WireFormatException {
        skipSpaces();
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", NULL);
            default:
                return number();
        }
    }

    private Map<String, Object> object() throws WireFormatException {
        Map<String, Object> found = new LinkedHashMap<>();
        descend();
        skipSpaces();
        if (!take('}')) {
            do {
                skipSpaces();
                if (peek() != '"') {
                    throw bad("a key is a string");
                }
                String key = string();
                skipSpaces();
                expect(':');
                Object value = value();
                if (found.containsKey(key)) {
                    throw new WireFormatException("duplicate-key", "an object has a key twice");
                }
                found.put(key, value);
                skipSpaces();
            } while (take(','));
            expect('}');
        }
        depth--;
        return found;
    }

    private List<Object> array() throws WireFormatException {
        List<Object> found = new ArrayList<>();
        descend();
        skipSpaces();
        if (!take(']')) {
            do {
                found.add(value());
                skipSpaces();
            } while (take(','));
            expect(']');
        }
        depth--;
        return found;
    }

    private void descend() throws WireFormatException {
        place++;
        if (++depth > Limits.MAX_DEPTH) {
            throw new WireFormatException("too-deep", "more than " + Limits.MAX_DEPTH + " levels");
        }
    }

    private String string() throws WireFormatException {
        StringBuilder found = new StringBuilder();
        place++;
        while (true) {
            char next = peek();
            if (next < ' ') {
                throw bad("an unfinished string, or a control character in it");
            }
            place++;
            if (next == '"') {
                return found.toString();
            }
            found.append(next == '\\' ? escaped() : next);
        }
    }

    private char escaped() throws WireFormatException {
        char kind = peek();
        place++;
        switch (kind) {
            case '"':
            case '\\':
            case '/':
                return kind;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                return unicode();
            default:
                throw bad("an unknown escape");
        }
    }

    private char unicode() throws WireFormatException {
        int code = 0;
        for (int digit = 0; digit < 4; digit++) {
            char next = peek();
            int value = next < 128 ? Character.digit(next, 16) : -1;
            if (value < 0) {
                throw bad("four hexadecimal digits follow \\u");
            }
            code = code * 16 + value;
            place++;
        }
        return (char) code;
    }

    private Object word(String word, Object value) throws WireFormatException {
        if (!text.startsWith(word, place)) {
            throw bad("not a value");
        }
        place += word.length();
        return value;
    }

    private Long number() throws WireFormatException {
        for (String word : new String[] {"NaN", "Infinity", "-Infinity"}) {
            if (text.startsWith(word, place)) {
                throw new WireFormatException("not-an-integer", word);
            }
        }
        int begin = place;
        take('-');
        if (!take('0') && skipDigits() == 0) {
            throw bad("not a value");
        }
        String digits = text.substring(begin, place);
        if (digits.equals("-0") || fractionFollows() || exponentFollows()) {
            throw new WireFormatException("not-an-integer", digits + "...");
        }
        try {
            return Long.valueOf(digits);
        } catch (NumberFormatException fault) {
            throw new WireFormatException("out-of-range", "an integer does not fit 64 bits");
        }
    }

    private boolean fractionFollows() {
        return at(place) == '.' && isDigit(at(place + 1));
    }

    private boolean exponentFollows() {
        if (at(place) != 'e' && at(place) != 'E') {
            return false;
        }
        boolean signed = at(place + 1) == '+' || at(place + 1) == '-';
        return isDigit(at(place + (signed ? 2 : 1)));
    }

    private int skipDigits() {
        int begin = place;
        while (isDigit(at(place))) {
            place++;
        }
        return place - begin;
    }

    private void skipSpaces() {
        while (place < text.length() && SPACES.indexOf(text.charAt(place)) >= 0) {
            place++;
        }
    }

    private static boolean isDigit(char next) {
        return next >= '0' && next <= '9';
    }

    /** The character at {@code index}, NUL (never allowed outside an escape) after the end. */
    private char at(int index) {
        return index < text.length() ? text.charAt(index) : '\0';
    }

    private char peek() throws WireFormatException {
        if (place >= text.length()) {
            throw bad("the text ends too early");
        }
        return text.charAt(place);
    }

    private boolean take(char wanted) {
        boolean there = at(place) == wanted;
        if (there) {
            place++;
        }
        return there;
    }

    private void expect(char wanted) throws WireFormatException {
        if (!take(wanted)) {
            throw bad("'" + wanted + "' expected");
        }
    }

    private WireFormatException bad(String text) {
        return new WireFormatException("bad-json", text + " at character " + place);
    }
}
