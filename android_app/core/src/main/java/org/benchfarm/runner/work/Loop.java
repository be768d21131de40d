package org.benchfarm.runner.work;

import java.util.concurrent.locks.LockSupport;
import org.benchfarm.runner.engine.Model;

/**
 * The timed loops. Between two time stamps nothing here allocates, logs or touches the link; four
 * calls of {@link System#nanoTime} (CLOCK_MONOTONIC) are the whole cost inside a sample.
 */
final class Loop {
    /** Parking ends a little late (timer slack and wake-up); the rest is waited for tightly. */
    private static final long SPIN_NS = 200_000;

    final Columns columns = new Columns();
    final Schedule schedule = new Schedule();
    private final Model model;
    private final Platform platform;

    int count;
    long dropped;
    long startedNs;
    long endedNs;
    long cpuNs;

    Loop(Model model, Platform platform) {
        this.model = model;
        this.platform = platform;
    }

    /** Runs one block; its results are this object's fields until the next one. */
    void execute(Block block) throws Exception {
        columns.reserve(block.count);
        count = 0;
        dropped = 0;
        long cpuBefore = platform.cpuNs();
        startedNs = System.nanoTime();
        schedule.enter(block.intervalNs);
        if (schedule.isRunning()) {
            periodic(block);
        } else {
            backToBack(block);
        }
        endedNs = System.nanoTime();
        cpuNs = platform.cpuNs() - cpuBefore;
    }

    private void backToBack(Block block) throws Exception {
        long elapsedNs;
        do {
            elapsedNs = sample() - startedNs;
        } while (count < block.count && !isOver(block, elapsedNs));
    }

    /**
     * Inferences at intended starts. The block owns the frames intended within its duration after
     * its first one; every frame of a schedule is done or dropped exactly once.
     */
    private void periodic(Block block) throws Exception {
        long firstNs = schedule.nextNs();
        long intendedNs = firstNs;
        while (count < block.count) {
            long late = Math.max(0, (System.nanoTime() - intendedNs) / block.intervalNs);
            dropped += late;
            intendedNs += late * block.intervalNs;
            if (count > 0 && isOver(block, intendedNs - firstNs)) {
                break;
            }
            waitUntil(intendedNs);
            columns.intendedNs[count] = intendedNs;
            sample();
            intendedNs += block.intervalNs;
            if (isOver(block, intendedNs - firstNs)) {
                break;
            }
        }
        schedule.continueAt(intendedNs);
    }

    private static boolean isOver(Block block, long elapsedNs) {
        return block.durationNs > 0 && elapsedNs >= block.durationNs;
    }

    /** One inference into the next row of the columns; returns when it ended. */
    private long sample() throws Exception {
        long start = System.nanoTime();
        model.copyIn();
        long copied = System.nanoTime();
        model.invoke();
        long invoked = System.nanoTime();
        model.copyOut();
        long end = System.nanoTime();
        long inside = model.copiedInsideNs();
        columns.startNs[count] = start;
        columns.inputNs[count] = copied - start + inside;
        columns.invokeNs[count] = invoked - copied - inside;
        columns.outputNs[count] = end - invoked;
        count++;
        return end;
    }

    private static void waitUntil(long atNs) {
        long aheadNs;
        while ((aheadNs = atNs - System.nanoTime() - SPIN_NS) > 0) {
            LockSupport.parkNanos(aheadNs);
        }
        while (System.nanoTime() < atNs) {
            continue;
        }
    }
}
