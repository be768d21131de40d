package org.benchfarm.runner.desktop;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * Processor time of the process. Java tells it in ticks of 10 ms, but the time of the calling
 * thread exactly: so only the other threads' share is coarse.
 */
final class CpuClock {
    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final OperatingSystemMXBean system =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private long othersNs;

    /** Nanoseconds so far, never less than before; always to be called by the same thread. */
    long nowNs() {
        long ownNs = threads.getCurrentThreadCpuTime();
        othersNs = Math.max(othersNs, system.getProcessCpuTime() - ownNs);
        return ownNs + othersNs;
    }
}
