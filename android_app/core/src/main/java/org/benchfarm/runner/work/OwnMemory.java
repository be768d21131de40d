package org.benchfarm.runner.work;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Map;

/** The runner's own memory from {@code /proc/self/status}; where that is absent there is nothing. */
final class OwnMemory {
    private static final long BYTES_PER_KIB = 1024;

    private final File status;

    OwnMemory(File status) {
        this.status = status;
    }

    /** Adds RSS now and at its highest, in bytes. */
    void read(Map<String, Long> readings) {
        String text;
        try {
            text = new String(Files.readAllBytes(status.toPath()), StandardCharsets.US_ASCII);
        } catch (IOException absent) {
            return;
        }
        for (String line : text.split("\n")) {
            put(readings, "self.rss_bytes", "VmRSS:", line);
            put(readings, "self.rss_peak_bytes", "VmHWM:", line);
        }
    }

    private static void put(Map<String, Long> readings, String channel, String label, String line) {
        if (line.startsWith(label)) {
            String[] words = line.trim().split("\\s+");
            readings.put(channel, Long.parseLong(words[1]) * BYTES_PER_KIB);
        }
    }
}
