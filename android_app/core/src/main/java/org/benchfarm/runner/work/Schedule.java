package org.benchfarm.runner.work;

/** Intended starts of periodic frames, carried on from block to block. */
final class Schedule {
    private long intervalNs;
    private long nextNs;
    private boolean running;

    /** The next periodic block begins a schedule of its own. */
    void stop() {
        running = false;
    }

    /** A block begins; another interval, or none, ends the schedule. */
    void enter(long interval) {
        if (interval != intervalNs) {
            running = false;
        }
        intervalNs = interval;
        if (interval > 0 && !running) {
            running = true;
            nextNs = System.nanoTime();
        }
    }

    boolean isRunning() {
        return running;
    }

    long nextNs() {
        return nextNs;
    }

    void continueAt(long atNs) {
        nextNs = atNs;
    }
}
