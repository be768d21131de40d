package org.benchfarm.runner.desktop;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Optional;
import org.benchfarm.runner.work.Platform;

/** A desktop JVM; on Linux its nanoTime is CLOCK_MONOTONIC, the clock of the host that started it. */
final class DesktopPlatform implements Platform {
    private final CpuClock cpu = new CpuClock();
    private final long parent;
    private final long startNs;

    /** {@code parent} and {@code startNs} are 0 for a runner somebody started by hand. */
    DesktopPlatform(long parent, long startNs) {
        this.parent = parent;
        this.startNs = startNs == 0 ? System.nanoTime() : startNs;
    }

    @Override
    public long cpuNs() {
        return cpu.nowNs();
    }

    @Override
    public long processStartNs() {
        return startNs;
    }

    @Override
    public long collections() {
        long collections = 0;
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            collections += Math.max(0, collector.getCollectionCount());
        }
        return collections;
    }

    @Override
    public void read(Map<String, Long> readings) {} // the agent reads the rest from outside

    @Override
    public boolean isOrphaned() {
        if (parent == 0) {
            return false;
        }
        Optional<ProcessHandle> now = ProcessHandle.current().parent();
        return !now.isPresent() || now.get().pid() != parent;
    }
}
