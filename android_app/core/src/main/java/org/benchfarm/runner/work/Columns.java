package org.benchfarm.runner.work;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Sample columns, allocated once and reused by every block that fits. */
final class Columns {
    long[] startNs = {};
    long[] inputNs = {};
    long[] invokeNs = {};
    long[] outputNs = {};
    long[] intendedNs = {};

    void reserve(int count) {
        if (startNs.length < count) {
            startNs = new long[count];
            inputNs = new long[count];
            invokeNs = new long[count];
            outputNs = new long[count];
            intendedNs = new long[count];
        }
    }

    /** The first {@code count} numbers of each column, one column after another, little-endian. */
    byte[] packed(int count, boolean periodic) {
        int rows = periodic ? 5 : 4;
        ByteBuffer bytes = ByteBuffer.allocate(rows * count * Long.BYTES);
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        long[][] columns = {startNs, inputNs, invokeNs, outputNs, intendedNs};
        for (int row = 0; row < rows; row++) {
            bytes.asLongBuffer().put(columns[row], 0, count);
            bytes.position(bytes.position() + count * Long.BYTES);
        }
        return bytes.array();
    }
}
