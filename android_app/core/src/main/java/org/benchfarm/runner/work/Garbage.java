package org.benchfarm.runner.work;

/** Collects garbage between blocks, so that the collector has no reason to wake inside one. */
final class Garbage {
    /** Far below the young generation of any heap we run with (see docs/android-runner.md). */
    private static final long LITTER_BYTES = 8L * 1024 * 1024;

    private long cleanBytes = used();
    private long asked;

    /** Collects when much was allocated since the last time. Takes milliseconds. */
    void collectIfMuch() {
        if (used() - cleanBytes > LITTER_BYTES) {
            System.gc();
            asked++;
            cleanBytes = used();
        }
        cleanBytes = Math.min(cleanBytes, used());
    }

    /** How often {@link #collectIfMuch} collected. */
    long asked() {
        return asked;
    }

    private static long used() {
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
