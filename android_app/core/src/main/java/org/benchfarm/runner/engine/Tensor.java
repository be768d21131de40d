package org.benchfarm.runner.engine;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An input or output of a loaded model; a size of -1 is settled only by the inference. */
public final class Tensor {
    public static final int UNSETTLED = -1;

    public final String name;
    public final String dtype;
    public final int[] shape;
    private final float scale;
    private final long zeroPoint;

    public Tensor(String name, String dtype, int[] shape) {
        this(name, dtype, shape, 0, 0);
    }

    /** {@code scale} 0 means not quantized. */
    public Tensor(String name, String dtype, int[] shape, float scale, long zeroPoint) {
        this.name = name;
        this.dtype = dtype;
        this.shape = shape;
        this.scale = scale;
        this.zeroPoint = zeroPoint;
    }

    public boolean isSettled() {
        for (int size : shape) {
            if (size == UNSETTLED) {
                return false;
            }
        }
        return true;
    }

    /** Bytes of one such tensor with these sizes. */
    public static long bytes(String dtype, int[] shape) {
        long bytes = elementBytes(dtype);
        for (int size : shape) {
            bytes = Math.multiplyExact(bytes, (long) size);
        }
        return bytes;
    }

    public long bytes() {
        return bytes(dtype, shape);
    }

    /** Bytes as a buffer can hold them; refuses what no Java buffer holds. */
    public int bufferBytes() throws Refused {
        long bytes = bytes();
        if (bytes > Integer.MAX_VALUE) {
            throw new Refused(
                    "out-of-memory", "tensor '" + name + "' of " + bytes + " bytes is too large");
        }
        return (int) bytes;
    }

    private static int elementBytes(String dtype) {
        String bits = dtype.replaceAll("[^0-9]", "");
        return bits.isEmpty() ? 1 : Integer.parseInt(bits) / 8; // bool has no digits
    }

    /** As the wire carries it. */
    public Map<String, Object> wire() {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("name", name);
        found.put("dtype", dtype);
        found.put("shape", sizes(shape));
        found.put("scale", scale == 0 ? "" : decimal(scale));
        found.put("zero_point", zeroPoint);
        return found;
    }

    /** The shortest decimal digits that mean this float, without an exponent. */
    private static String decimal(float value) {
        return new BigDecimal(Float.toString(value)).stripTrailingZeros().toPlainString();
    }

    /** A shape as the wire carries it. */
    public static List<Object> sizes(int[] shape) {
        List<Object> found = new ArrayList<>();
        for (int size : shape) {
            found.add((long) size);
        }
        return found;
    }

    public static List<Object> wire(Tensor[] tensors) {
        List<Object> found = new ArrayList<>();
        for (Tensor tensor : tensors) {
            found.add(tensor.wire());
        }
        return found;
    }
}
