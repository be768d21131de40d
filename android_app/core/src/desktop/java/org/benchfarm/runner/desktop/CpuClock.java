package org.benchfarm.runner.desktop;

import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;

/**
 * Processor time of the process, for one measuring thread.
 *
 * <p>Java's own figure comes in ticks of 10 ms. On Linux the measuring thread's time is exact, and
 * the other threads' comes from their {@code schedstat} (nanoseconds on a processor, brought up to
 * date by the kernel at its own ticks).
 */
final class CpuClock {
    private static final File TASKS = new File("/proc/self/task");

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final OperatingSystemMXBean system =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** The last figure of each thread; those that ended keep theirs. */
    private final Map<String, Long> others = new HashMap<>();

    /** Nanoseconds so far; always to be called by the same thread. */
    long nowNs() {
        String[] tasks = TASKS.list();
        if (tasks == null) {
            return system.getProcessCpuTime();
        }
        try {
            String own = new File("/proc/thread-self").getCanonicalFile().getName();
            for (String task : tasks) {
                if (!task.equals(own)) {
                    read(task);
                }
            }
        } catch (IOException absent) {
            return system.getProcessCpuTime();
        }
        long total = threads.getCurrentThreadCpuTime();
        for (long each : others.values()) {
            total += each;
        }
        return total;
    }

    private void read(String task) throws IOException {
        File file = new File(new File(TASKS, task), "schedstat");
        try {
            String text = new String(Files.readAllBytes(file.toPath()), StandardCharsets.US_ASCII);
            others.put(task, Long.valueOf(text.substring(0, text.indexOf(' '))));
        } catch (IOException failure) {
            if (new File(TASKS, task).exists()) {
                throw failure; // a kernel without schedstat, not a thread that has ended
            }
        }
    }
}
