package org.benchfarm.runner.wire;

import java.util.List;

/** Which binary frames a message may have. */
final class Frames {
    private Frames() {}

    static void checkCount(Message message, long count) throws WireFormatException {
        boolean fits;
        switch (message.type) {
            case "block":
            case "profiled":
                fits = count == 1;
                break;
            case "outputs":
                fits = count == message.list("shapes").size() && count <= Limits.MAX_FRAMES;
                break;
            default:
                fits = count == 0;
        }
        if (!fits) {
            throw new WireFormatException("bad-frames", count + " frames with " + message.type);
        }
    }

    static void checkSizes(Message message, List<byte[]> frames) throws WireFormatException {
        long total = 0;
        for (byte[] frame : frames) {
            total += frame.length;
            if (frame.length > Limits.MAX_FRAME_BYTES || total > Limits.MAX_FRAMES_BYTES) {
                throw new WireFormatException("too-long", "frames of " + total + " bytes");
            }
        }
        if (message.type.equals("block")) {
            checkSamples(message, total);
        }
    }

    private static void checkSamples(Message message, long bytes) throws WireFormatException {
        long row = (long) Limits.BYTES_PER_SAMPLE * message.list("columns").size();
        long count = message.number("count");
        if (bytes % row != 0 || bytes / row != count) {
            throw new WireFormatException("bad-frames", bytes + " bytes for " + count + " samples");
        }
    }
}
