package org.benchfarm.runner.link;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.util.Arrays;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public final class SpoolTest {
    private static final int MIB = 1024 * 1024;

    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void whatMemoryDoesNotHoldLiesInFilesUntilItIsAcknowledged() throws Exception {
        Spool spool = new Spool(folder.getRoot(), 10 * MIB);
        for (byte number = 1; number <= 6; number++) {
            assertTrue(spool.put(filled(number)));
        }
        assertTrue(spool.isCrowded());
        assertEquals(2, folder.getRoot().list().length);
        for (byte number = 1; number <= 6; number++) {
            assertArrayEquals(filled(number), spool.get(number));
        }
        spool.forget(5);
        assertNull(spool.get(5));
        assertEquals(6, spool.firstFrom(3));
        assertEquals(1, folder.getRoot().list().length);
        spool.forget(100);
        assertTrue(spool.isEmpty());
        assertEquals(0, folder.getRoot().list().length);
    }

    @Test
    public void aFullSpoolSaysSoAndKeepsTheMessage() throws Exception {
        Spool spool = new Spool(folder.getRoot(), MIB);
        for (byte number = 1; number <= 5; number++) {
            assertTrue(spool.put(filled(number)));
        }
        assertFalse(spool.put(filled((byte) 6)));
        assertArrayEquals(filled((byte) 6), spool.get(6));
    }

    @Test
    public void aFolderThatCannotBeWrittenIsAFullSpool() {
        Spool spool = new Spool(new File(folder.getRoot(), "absent"), 100 * MIB);
        for (byte number = 1; number <= 4; number++) {
            assertTrue(spool.put(filled(number)));
        }
        assertFalse(spool.put(filled((byte) 5)));
    }

    private static byte[] filled(byte number) {
        byte[] data = new byte[MIB];
        Arrays.fill(data, number);
        return data;
    }
}
