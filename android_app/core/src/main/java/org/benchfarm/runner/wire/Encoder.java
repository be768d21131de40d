package org.benchfarm.runner.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Messages to their canonical bytes: every field written, keys sorted, no spaces. */
public final class Encoder {
    private Encoder() {}

    /** The bytes of a message and its frames; refuses what a decoder would refuse. */
    public static byte[] encode(Message given) throws WireFormatException {
        byte[][] frames = given.frames;
        Map<String, Object> plain = new LinkedHashMap<>(given.fields());
        plain.put("type", given.type);
        Message message = Message.read(plain).withFrames(Arrays.asList(frames));
        Frames.checkCount(message, frames.length);
        Frames.checkSizes(message, Arrays.asList(frames));
        byte[] payload = payload(message);
        int size = Limits.HEADER_BYTES + payload.length;
        for (byte[] frame : frames) {
            size += Limits.HEADER_BYTES + frame.length;
        }
        ByteBuffer bytes = ByteBuffer.allocate(size);
        bytes.putInt(payload.length).put((byte) 'J').put(payload);
        for (byte[] frame : frames) {
            bytes.putInt(frame.length).put((byte) 'B').put(frame);
        }
        return bytes.array();
    }

    private static byte[] payload(Message message) throws WireFormatException {
        Map<String, Object> plain = new LinkedHashMap<>(message.fields());
        plain.put("type", message.type);
        if (message.frames.length > 0) {
            plain.put("frames", (long) message.frames.length);
        }
        byte[] payload = JsonWriter.write(plain).getBytes(StandardCharsets.UTF_8);
        if (payload.length > Limits.MAX_JSON_BYTES) {
            throw new WireFormatException("too-long", "a message of " + payload.length + " bytes");
        }
        return payload;
    }
}
