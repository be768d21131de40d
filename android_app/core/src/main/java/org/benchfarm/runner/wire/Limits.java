package org.benchfarm.runner.wire;

/** Limits of the runner wire; the same numbers as in {@code harness/wire}. */
public final class Limits {
    public static final long WIRE_VERSION = 1;
    public static final int MAX_JSON_BYTES = 1024 * 1024;
    public static final int MAX_FRAME_BYTES = 64 * 1024 * 1024;
    public static final int MAX_FRAMES = 64;
    /** All binary frames of one message together. */
    public static final int MAX_FRAMES_BYTES = 256 * 1024 * 1024;
    /** Objects and arrays inside each other; the message itself is the first. */
    public static final int MAX_DEPTH = 8;
    /** One string, in UTF-8 bytes. */
    public static final int MAX_STRING_BYTES = 64 * 1024;
    /** Most inferences one block may ask for. */
    public static final int MAX_BLOCK_COUNT = 1_000_000;
    public static final int BYTES_PER_SAMPLE = 8;
    public static final int HEADER_BYTES = 5;

    private Limits() {}
}
