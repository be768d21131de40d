package org.benchfarm.runner.link;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A byte stream to one host that never waits for the other side. */
public interface Link {
    /** Reads what is there: the number of bytes, 0 for none, -1 when the other side is gone. */
    int read(ByteBuffer target) throws IOException;

    /** Writes what the stream takes now and returns how many bytes that were. */
    int write(ByteBuffer source) throws IOException;

    /** Tells the other side that nothing more will come. */
    void endOutput() throws IOException;

    void close();
}
