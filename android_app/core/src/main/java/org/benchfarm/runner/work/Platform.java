package org.benchfarm.runner.work;

import java.util.Map;

/** What the runner asks of the system it runs on; times are on {@link System#nanoTime}'s clock. */
public interface Platform {
    /** Processor time of the whole process. */
    long cpuNs();

    /** When the process started. */
    long processStartNs();

    /** Garbage collections of this process so far, -1 where the system does not tell. */
    long collections();

    /** Adds readings that only this process can take, by channel name. */
    void read(Map<String, Long> readings);

    /** Whether whoever started this process is gone. */
    boolean isOrphaned();
}
