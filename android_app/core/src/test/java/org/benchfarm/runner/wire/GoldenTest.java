package org.benchfarm.runner.wire;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;

/** Replays the vectors of {@code tests/golden/wire}; the property {@code golden} is their folder. */
public final class GoldenTest {
    @Test
    public void acceptedStreamsMeanWhatTheySay() throws Exception {
        int seen = 0;
        for (Map<?, ?> line : lines()) {
            if ((Boolean) line.get("accept")) {
                List<Message> found = new ArrayList<>();
                Decoder decoder = new Decoder();
                byte[] stream = bytes((String) line.get("bytes"));
                decoder.feed(stream, stream.length, found);
                decoder.end();
                assertEquals(name(line), 1, found.size());
                assertEquals(name(line), line.get("meaning"), meaning(found.get(0)));
                seen++;
            }
        }
        assertTrue("vectors seen: " + seen, seen > 40);
    }

    @Test
    public void canonicalMessagesHaveTheseBytes() throws Exception {
        for (Map<?, ?> line : lines()) {
            if ((Boolean) line.get("accept") && (Boolean) line.get("canonical")) {
                byte[] encoded = Encoder.encode(message((Map<?, ?>) line.get("meaning")));
                assertArrayEquals(name(line), bytes((String) line.get("bytes")), encoded);
            }
        }
    }

    @Test
    public void refusedStreamsAreRefusedForTheirReason() throws Exception {
        int seen = 0;
        for (Map<?, ?> line : lines()) {
            if (!(Boolean) line.get("accept")) {
                byte[] stream = bytes((String) line.get("bytes"));
                assertEquals(name(line), line.get("why"), refusal(stream, stream.length));
                assertEquals(name(line) + " byte by byte", line.get("why"), refusal(stream, 1));
                seen++;
            }
        }
        assertTrue("vectors seen: " + seen, seen > 90);
    }

    private static String refusal(byte[] stream, int piece) {
        Decoder decoder = new Decoder();
        try {
            for (int place = 0; place < stream.length; place += piece) {
                int end = Math.min(stream.length, place + piece);
                byte[] part = Arrays.copyOfRange(stream, place, end);
                decoder.feed(part, part.length, new ArrayList<Message>());
            }
            decoder.end();
            return "accepted";
        } catch (WireFormatException fault) {
            return fault.code;
        }
    }

    private static Map<String, Object> meaning(Message message) {
        Map<String, Object> found = new LinkedHashMap<>(message.fields());
        found.put("type", message.type);
        List<Object> frames = new ArrayList<>();
        for (byte[] frame : message.frames) {
            frames.add(hex(frame));
        }
        found.put("frames", frames);
        return found;
    }

    private static Message message(Map<?, ?> meaning) {
        List<?> given = (List<?>) meaning.get("frames");
        byte[][] frames = new byte[given.size()][];
        for (int i = 0; i < frames.length; i++) {
            frames[i] = bytes((String) given.get(i));
        }
        Message message = Message.of((String) meaning.get("type"), frames);
        for (Map.Entry<?, ?> entry : meaning.entrySet()) {
            if (!entry.getKey().equals("type") && !entry.getKey().equals("frames")) {
                message.with((String) entry.getKey(), entry.getValue());
            }
        }
        return message;
    }

    private static List<Map<?, ?>> lines() throws Exception {
        List<Map<?, ?>> found = new ArrayList<>();
        File folder = new File(System.getProperty("golden"));
        for (String name : new String[] {"host.jsonl", "runner.jsonl", "reject.jsonl"}) {
            for (String line : Files.readAllLines(new File(folder, name).toPath())) {
                found.add((Map<?, ?>) JsonReader.read(line.getBytes(StandardCharsets.UTF_8)));
            }
        }
        if (found.isEmpty()) {
            fail("no vectors in " + folder);
        }
        return found;
    }

    private static String name(Map<?, ?> line) {
        return (String) line.get("name");
    }

    private static byte[] bytes(String hex) {
        byte[] found = new byte[hex.length() / 2];
        for (int i = 0; i < found.length; i++) {
            found[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return found;
    }

    private static String hex(byte[] bytes) {
        StringBuilder found = new StringBuilder();
        for (byte each : bytes) {
            found.append(String.format("%02x", each));
        }
        return found.toString();
    }
}
