package org.benchfarm.runner.wire;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Turns a byte stream, fed in pieces of any size, into messages.
 *
 * <p>Holds at most one message with its frames, and refuses an oversized one by its header. After a
 * fault nothing more is decoded: the stream cannot be trusted any more.
 */
public final class Decoder {
    private byte[] buffer = new byte[64 * 1024];
    private int held;
    private Message pending;
    private long expected;
    private final List<byte[]> frames = new ArrayList<>();
    private long framesBytes;
    private WireFormatException fault;

    /** Adds to {@code found} the messages that the first {@code length} bytes complete. */
    public void feed(byte[] data, int length, List<Message> found) throws WireFormatException {
        if (fault != null) {
            throw fault;
        }
        append(data, length);
        try {
            drain(found);
        } catch (WireFormatException problem) {
            fault = problem;
            throw problem;
        }
    }

    /** The stream is over; refuses one that ends inside a message. */
    public void end() throws WireFormatException {
        if (fault == null && (held > 0 || pending != null)) {
            throw new WireFormatException("truncated", "the stream ended inside a message");
        }
    }

    private void append(byte[] data, int length) {
        if (held + length > buffer.length) {
            buffer = Arrays.copyOf(buffer, Math.max(held + length, 2 * buffer.length));
        }
        System.arraycopy(data, 0, buffer, held, length);
        held += length;
    }

    private void drain(List<Message> found) throws WireFormatException {
        int place = 0;
        try {
            while (held - place >= Limits.HEADER_BYTES) {
                long length = lengthAt(place);
                checkHeader(length, buffer[place + 4]);
                int begin = place + Limits.HEADER_BYTES;
                if (held - begin < length) {
                    return;
                }
                place = begin + (int) length;
                accept(Arrays.copyOfRange(buffer, begin, place), found);
            }
        } finally {
            held -= place;
            System.arraycopy(buffer, place, buffer, 0, held);
        }
    }

    private long lengthAt(int place) {
        long length = 0;
        for (int i = 0; i < 4; i++) {
            length = length << 8 | buffer[place + i] & 0xff;
        }
        return length;
    }

    private void checkHeader(long length, byte kind) throws WireFormatException {
        if (kind != 'J' && kind != 'B') {
            throw new WireFormatException("unknown-kind", "a frame of kind " + kind);
        }
        boolean binary = kind == 'B';
        if (binary != (pending != null)) {
            throw new WireFormatException("unexpected-kind", "a frame out of turn");
        }
        if (length > (binary ? Limits.MAX_FRAME_BYTES : Limits.MAX_JSON_BYTES)
                || binary && framesBytes + length > Limits.MAX_FRAMES_BYTES) {
            throw new WireFormatException("too-long", "a frame of " + length + " bytes");
        }
    }

    private void accept(byte[] payload, List<Message> found) throws WireFormatException {
        if (pending == null) {
            acceptMessage(payload, found);
            return;
        }
        frames.add(payload);
        framesBytes += payload.length;
        if (frames.size() < expected) {
            return;
        }
        Message message = pending;
        List<byte[]> complete = new ArrayList<>(frames);
        pending = null;
        frames.clear();
        framesBytes = 0;
        Frames.checkSizes(message, complete);
        found.add(message.withFrames(complete));
    }

    private void acceptMessage(byte[] payload, List<Message> found) throws WireFormatException {
        Object plain = JsonReader.read(payload);
        Object announced = 0L;
        if (plain instanceof Map && isKnown((Map<?, ?>) plain)) {
            Object given = ((Map<?, ?>) plain).remove("frames");
            announced = given == null ? announced : Kind.INTEGER.read(given);
        }
        Message message = Message.read(plain);
        Frames.checkCount(message, (Long) announced);
        if ((Long) announced == 0) {
            found.add(message);
        } else {
            pending = message;
            expected = (Long) announced;
        }
    }

    /** Whether the type is one of ours: only then {@code frames} is looked at, as the reference does. */
    private static boolean isKnown(Map<?, ?> plain) {
        Object type = plain.get("type");
        return type instanceof String && Schemas.BY_TYPE.containsKey(type);
    }
}
