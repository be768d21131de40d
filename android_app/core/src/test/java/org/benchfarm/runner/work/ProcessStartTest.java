package org.benchfarm.runner.work;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.Test;

public final class ProcessStartTest {
    private static long read(String text) throws IOException {
        File file = File.createTempFile("stat", "");
        try {
            Files.write(file.toPath(), text.getBytes());
            return ProcessStart.sinceBootNs(file, 100);
        } finally {
            Files.delete(file.toPath());
        }
    }

    @Test
    public void theNameMayHoldAnything() throws IOException {
        String rest = " S 1 2 3 0 -1 4194560 5 6 7 8 9 10 11 12 20 0 33 0 812345 1 2 3\n";
        for (String name : new String[] {"runner", "a b", "a) R 1 (b", "(", ")"}) {
            assertEquals(8_123_450_000_000L, read("4711 (" + name + ")" + rest));
        }
    }

    @Test
    public void whatCannotBeReadIsUnknown() throws IOException {
        for (String text : new String[] {"", "1 (x) S 2", "no numbers here", "1 (x) " + "y ".repeat(30)}) {
            assertEquals(-1, read(text));
        }
        assertEquals(-1, ProcessStart.sinceBootNs(new File("/nowhere"), 100));
        assertEquals(-1, ProcessStart.sinceBootNs(new File("/proc/self/stat"), 0));
    }

    @Test
    public void thisProcessStartedBeforeNow() throws IOException {
        byte[] uptime = Files.readAllBytes(new File("/proc/uptime").toPath());
        double seconds = Double.parseDouble(new String(uptime).split(" ")[0]);
        long startNs = ProcessStart.sinceBootNs(new File("/proc/self/stat"), 100);
        assertTrue(startNs > 0);
        assertTrue(startNs <= seconds * 1e9);
    }
}
