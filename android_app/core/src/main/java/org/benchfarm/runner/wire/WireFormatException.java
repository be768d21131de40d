package org.benchfarm.runner.wire;

/** Bytes, or a message, that the wire does not allow; {@code code} is the {@code why} of the golden vectors. */
public final class WireFormatException extends Exception {
    private static final long serialVersionUID = 1L;

    public final String code;

    public WireFormatException(String code, String text) {
        super(code + ": " + text);
        this.code = code;
    }
}
