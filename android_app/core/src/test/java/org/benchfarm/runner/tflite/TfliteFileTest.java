package org.benchfarm.runner.tflite;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.fail;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import org.benchfarm.runner.engine.Refused;
import org.junit.Assume;
import org.junit.Test;

/** The property {@code models} is a folder of real models, {@code ops} their operations by name. */
public final class TfliteFileTest {
    @Test
    public void realModelsHaveTheirOperations() throws Exception {
        Assume.assumeTrue(System.getProperty("models") != null);
        for (String pair : System.getProperty("ops").split(",")) {
            String[] words = pair.split("=");
            assertEquals(pair, Integer.parseInt(words[1]), TfliteFile.operations(read(words[0])));
        }
    }

    @Test
    public void damagedModelsAreRefused() throws Exception {
        Assume.assumeTrue(System.getProperty("models") != null);
        byte[] good = read(System.getProperty("ops").split("=")[0]).array();
        Random random = new Random(3);
        for (int round = 0; round < 2000; round++) {
            byte[] bad = Arrays.copyOf(good, random.nextInt(200));
            for (int change = 0; change < 4 && bad.length > 0; change++) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
            }
            try {
                TfliteFile.operations(ByteBuffer.wrap(bad));
            } catch (Refused refused) {
                assertEquals("model-rejected", refused.code);
            }
        }
    }

    @Test
    public void otherFilesAreRefused() {
        for (byte[] other : new byte[][] {{}, {1, 2, 3}, "{\"model\": \"json\"}".getBytes()}) {
            try {
                TfliteFile.operations(ByteBuffer.wrap(other));
                fail("accepted");
            } catch (Refused refused) {
                assertEquals("model-rejected", refused.code);
            }
        }
    }

    private static ByteBuffer read(String name) throws Exception {
        File file = new File(System.getProperty("models"), name);
        return ByteBuffer.wrap(Files.readAllBytes(file.toPath()));
    }
}
