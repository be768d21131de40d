package org.benchfarm.runner.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.benchfarm.runner.wire.Decoder;
import org.benchfarm.runner.wire.Encoder;
import org.benchfarm.runner.wire.Message;
import org.benchfarm.runner.wire.WireFormatException;

/** One host: bytes in and messages out, and the other way round as much as the link takes. */
final class Connection {
    private static final int READ_BYTES = 256 * 1024;

    final Link link;
    /** When it came in, or when it was refused. */
    private long sinceNs = System.nanoTime();
    private final Decoder decoder = new Decoder();
    private final Deque<ByteBuffer> out = new ArrayDeque<>();
    private final ByteBuffer in = ByteBuffer.allocate(READ_BYTES);
    private boolean closed;
    private boolean refused;

    Connection(Link link) {
        this.link = link;
    }

    /** Whether the other side is gone, or we closed. */
    boolean isClosed() {
        return closed;
    }

    /** Whether a fatal error is on its way; nothing is listened to any more. */
    boolean isRefused() {
        return refused;
    }

    /** How long it has neither said hello nor, once refused, hung up. */
    long waitedNs() {
        return System.nanoTime() - sinceNs;
    }

    /** Whether bytes wait for the link to take them. */
    boolean isSending() {
        return !out.isEmpty() && !closed;
    }

    /** The messages that arrived; refuses the host after bytes that are no message. */
    List<Message> read() {
        List<Message> found = new ArrayList<>();
        int length = receive();
        if (refused || length <= 0) {
            return found;
        }
        try {
            decoder.feed(in.array(), length, found);
        } catch (WireFormatException fault) {
            refuse("bad-message", fault.getMessage());
        }
        return found;
    }

    private int receive() {
        in.clear();
        int length;
        try {
            length = link.read(in);
        } catch (IOException gone) {
            length = -1;
        }
        if (length < 0) {
            close();
        }
        return length;
    }

    /** Queues a message that is not spooled, and sends what the link takes. */
    void send(Message message) {
        try {
            send(Encoder.encode(message));
        } catch (WireFormatException fault) {
            throw new IllegalStateException(fault); // our own answers fit the wire
        }
    }

    void send(byte[] data) {
        out.add(ByteBuffer.wrap(data));
        flush();
    }

    /** Sends what the link takes now. */
    void flush() {
        try {
            while (!out.isEmpty()) {
                link.write(out.peek());
                if (out.peek().hasRemaining()) {
                    return;
                }
                out.remove();
            }
            if (refused) {
                link.endOutput();
            }
        } catch (IOException gone) {
            close();
        }
    }

    /**
     * Says why and hangs up; the rest is read away until the host hangs up too. Closing at once
     * would reset the connection, and the host might never see the reason.
     */
    void refuse(String code, String text) {
        refused = true;
        sinceNs = System.nanoTime();
        send(Message.of("error").with("code", code).with("text", text).with("fatal", true));
    }

    void close() {
        closed = true;
        out.clear();
        link.close();
    }
}
