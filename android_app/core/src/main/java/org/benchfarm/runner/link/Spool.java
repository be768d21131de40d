package org.benchfarm.runner.link;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;

/** Measured messages wait here, encoded and numbered from 1, until the host acknowledged them. */
public final class Spool {
    /** Default for the files: days of a detached run. */
    public static final long DISK_LIMIT_BYTES = 2L * 1024 * 1024 * 1024;

    /** Held in memory; what goes beyond lies in files. */
    private static final long MEMORY_LIMIT_BYTES = 4L * 1024 * 1024;

    private final File folder;
    private final long diskLimitBytes;
    private final Map<Long, byte[]> inMemory = new HashMap<>();
    private final Map<Long, Long> onDisk = new HashMap<>();
    private long memoryBytes;
    private long diskBytes;
    private long lastSeq;
    private long first = 1;

    public Spool(File folder, long diskLimitBytes) {
        this.folder = folder;
        this.diskLimitBytes = diskLimitBytes;
    }

    public long lastSeq() {
        return lastSeq;
    }

    /** Whether the host lags behind by more than memory should hold. */
    public boolean isCrowded() {
        return memoryBytes + diskBytes > MEMORY_LIMIT_BYTES;
    }

    /** Whether everything was acknowledged. */
    public boolean isEmpty() {
        return inMemory.isEmpty() && onDisk.isEmpty();
    }

    /**
     * Keeps the message numbered {@code lastSeq() + 1}; false when the spool is full. A message
     * that does not fit is kept in memory all the same: what was measured is not thrown away, but
     * the program ends.
     */
    public boolean put(byte[] data) {
        lastSeq++;
        boolean fits = memoryBytes + data.length <= MEMORY_LIMIT_BYTES;
        if (!fits && write(lastSeq, data)) {
            onDisk.put(lastSeq, (long) data.length);
            diskBytes += data.length;
            return true;
        }
        inMemory.put(lastSeq, data);
        memoryBytes += data.length;
        return fits;
    }

    /** The message numbered {@code seq}, null when there is none yet or no more. */
    public byte[] get(long seq) throws IOException {
        return onDisk.containsKey(seq)
                ? Files.readAllBytes(file(seq).toPath())
                : inMemory.get(seq);
    }

    /** The number to send next to a host that has everything before {@code seq}. */
    public long firstFrom(long seq) {
        return Math.max(seq, first);
    }

    /** Everything up to {@code seq} was acknowledged. */
    public void forget(long seq) {
        for (; first <= Math.min(seq, lastSeq); first++) {
            byte[] data = inMemory.remove(first);
            if (data != null) {
                memoryBytes -= data.length;
            } else {
                diskBytes -= onDisk.remove(first);
                drop(file(first));
            }
        }
    }

    private boolean write(long seq, byte[] data) {
        if (diskBytes + data.length > diskLimitBytes) {
            return false;
        }
        try (FileOutputStream out = new FileOutputStream(file(seq))) {
            out.write(data);
            return true;
        } catch (IOException full) {
            drop(file(seq));
            return false;
        }
    }

    private static void drop(File file) {
        try {
            Files.deleteIfExists(file.toPath());
        } catch (IOException left) {
            return; // the agent empties the folder after the trial
        }
    }

    private File file(long seq) {
        return new File(folder, seq + ".wire");
    }
}
