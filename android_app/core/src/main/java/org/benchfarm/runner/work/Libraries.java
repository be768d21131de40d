package org.benchfarm.runner.work;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.TreeSet;

/** The native libraries of this process: without its driver a delegate cannot have worked. */
final class Libraries {
    private static final File MAPS = new File("/proc/self/maps");

    /** A string of the wire holds twice as much. */
    private static final int MOST = 32_000;

    private Libraries() {}

    /** File names with commas between; null where the system does not tell. */
    static String mapped() {
        TreeSet<String> names = new TreeSet<>();
        try {
            for (String line : Files.readAllLines(MAPS.toPath(), StandardCharsets.ISO_8859_1)) {
                String name = line.substring(line.lastIndexOf('/') + 1);
                if (line.indexOf('/') >= 0 && name.contains(".so") && !name.contains(",")) {
                    names.add(name);
                }
            }
        } catch (IOException | SecurityException unreadable) {
            return null;
        }
        String text = String.join(",", names);
        return text.length() > MOST ? null : text;
    }
}
