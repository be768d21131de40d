package org.benchfarm.runner.tflite;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.benchfarm.runner.engine.Refused;

/**
 * The little of a .tflite file (a FlatBuffer, TFLite schema version 3) that the library's Java face
 * does not tell: how many operations the main graph has.
 */
final class TfliteFile {
    private static final int IDENTIFIER_AT = 4;
    private static final String IDENTIFIER = "TFL3";

    /** Places of the fields in the schema's tables. */
    private static final int MODEL_SUBGRAPHS = 2;

    private static final int SUBGRAPH_OPERATORS = 3;

    private final ByteBuffer bytes;

    private TfliteFile(ByteBuffer bytes) {
        this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Operations of the main graph; refuses bytes that are no TFLite model. */
    static int operations(ByteBuffer bytes) throws Refused {
        try {
            return new TfliteFile(bytes).operations();
        } catch (IndexOutOfBoundsException | IllegalArgumentException damaged) {
            throw new Refused("model-rejected", "this is no TFLite model, or a truncated one");
        }
    }

    private int operations() throws Refused {
        byte[] identifier = new byte[IDENTIFIER.length()];
        for (int i = 0; i < identifier.length; i++) {
            identifier[i] = bytes.get(IDENTIFIER_AT + i);
        }
        if (!IDENTIFIER.equals(new String(identifier, StandardCharsets.ISO_8859_1))) {
            throw new Refused("model-rejected", "this is no TFLite model (no TFL3 at byte 4)");
        }
        int subgraphs = vector(reference(0), MODEL_SUBGRAPHS);
        int main = reference(subgraphs + Integer.BYTES);
        return bytes.getInt(vector(main, SUBGRAPH_OPERATORS));
    }

    /** Where the table, vector or string lies that the offset at {@code place} means. */
    private int reference(int place) {
        return Math.addExact(place, bytes.getInt(place));
    }

    /** Where a table's vector lies: its length comes first. */
    private int vector(int table, int field) {
        int vtable = table - bytes.getInt(table);
        int entry = Integer.BYTES + Short.BYTES * field;
        int offset = entry < bytes.getShort(vtable) ? bytes.getShort(vtable + entry) : 0;
        if (offset == 0) {
            throw new IllegalArgumentException("a field is absent");
        }
        return reference(table + offset);
    }
}
