package org.benchfarm.runner.wire;

import static org.junit.Assert.assertEquals;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import org.junit.Assume;
import org.junit.Test;

/**
 * Streams that the reference codec has judged: the property {@code judged} is a file with one line
 * {@code VERDICT HEX} each, the verdict being the number of messages or {@code refused}.
 */
public final class DifferentialTest {
    @Test
    public void bothCodecsJudgeAlike() throws Exception {
        Assume.assumeTrue(System.getProperty("judged") != null);
        File file = new File(System.getProperty("judged"));
        for (String line : Files.readAllLines(file.toPath(), StandardCharsets.US_ASCII)) {
            String[] words = line.split(" ");
            assertEquals(line, words[0], verdict(bytes(words[1])));
        }
    }

    private static String verdict(byte[] stream) {
        ArrayList<Message> found = new ArrayList<>();
        Decoder decoder = new Decoder();
        try {
            decoder.feed(stream, stream.length, found);
            decoder.end();
            return String.valueOf(found.size());
        } catch (WireFormatException refused) {
            return "refused";
        }
    }

    private static byte[] bytes(String hex) {
        byte[] found = new byte[hex.length() / 2];
        for (int i = 0; i < found.length; i++) {
            found[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return found;
    }
}
