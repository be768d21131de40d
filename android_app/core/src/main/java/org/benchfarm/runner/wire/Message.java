package org.benchfarm.runner.wire;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One message with its binary frames. */
public final class Message {
    private static final byte[][] NO_FRAMES = {};

    public final String type;
    private final Map<String, Object> fields;
    public final byte[][] frames;

    Message(String type, Map<String, Object> fields, byte[][] frames) {
        this.type = type;
        this.fields = fields;
        this.frames = frames;
    }

    /** A message to be filled by {@link #with}. */
    public static Message of(String type, byte[]... frames) {
        return new Message(type, new LinkedHashMap<String, Object>(), frames);
    }

    /** The same message with one more field. Values: Long, Boolean, String, List, Map. */
    public Message with(String key, Object value) {
        fields.put(key, value);
        return this;
    }

    /** The JSON object of a received message, before its frames have come. */
    @SuppressWarnings("unchecked")
    static Message read(Object plain) throws WireFormatException {
        if (!(plain instanceof Map)) {
            throw new WireFormatException("not-an-object", "a message is a JSON object");
        }
        Map<String, Object> given = (Map<String, Object>) plain;
        Object type = given.remove("type");
        if (type == null || type == JsonReader.NULL) {
            throw new WireFormatException("missing-key", "type");
        }
        Schema schema = type instanceof String ? Schemas.BY_TYPE.get(type) : null;
        if (schema == null) {
            throw new WireFormatException("unknown-type", "no such message");
        }
        Map<String, Object> fields = (Map<String, Object>) schema.read(given);
        Message message = new Message((String) type, fields, NO_FRAMES);
        Schemas.checkValues(message);
        return message;
    }

    Message withFrames(List<byte[]> given) {
        return new Message(type, fields, given.toArray(NO_FRAMES));
    }

    /** Every field, defaults included: what the golden vectors call the meaning. */
    Map<String, Object> fields() {
        return fields;
    }

    public long number(String key) {
        return (Long) fields.get(key);
    }

    public String text(String key) {
        return (String) fields.get(key);
    }

    public boolean flag(String key) {
        return (Boolean) fields.get(key);
    }

    public List<?> list(String key) {
        return (List<?>) fields.get(key);
    }

    public List<String> texts(String key) {
        List<String> found = new ArrayList<>();
        for (Object item : list(key)) {
            found.add((String) item);
        }
        return found;
    }

    public Map<?, ?> map(String key) {
        return (Map<?, ?>) fields.get(key);
    }
}
