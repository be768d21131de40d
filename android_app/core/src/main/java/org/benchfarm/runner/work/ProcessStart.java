package org.benchfarm.runner.work;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;

/** When a process was forked, as Linux tells it (proc(5), field 22 of {@code /proc/PID/stat}). */
public final class ProcessStart {
    private static final long NS_PER_S = 1_000_000_000;

    /** The field's place among those after the name, which may hold spaces and parentheses itself. */
    private static final int PLACE = 22 - 3;

    private ProcessStart() {}

    /** Nanoseconds since the system started, sleep included, in whole ticks; -1 when unknown. */
    public static long sinceBootNs(File stat, long ticksPerSecond) {
        try {
            byte[] bytes = Files.readAllBytes(stat.toPath());
            String text = new String(bytes, StandardCharsets.ISO_8859_1);
            String[] words = text.substring(text.lastIndexOf(')') + 1).trim().split(" ");
            return Long.parseLong(words[PLACE]) * (NS_PER_S / ticksPerSecond);
        } catch (IOException | RuntimeException unknown) {
            return -1;
        }
    }
}
