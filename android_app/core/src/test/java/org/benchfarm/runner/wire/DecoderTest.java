package org.benchfarm.runner.wire;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.Test;

public final class DecoderTest {
    private static byte[] block(byte[] samples) throws WireFormatException {
        Message block = Message.of("block", samples).with("seq", 1L).with("block", 2L);
        block.with("timed", true).with("count", 1L).with("columns", Schemas.SAMPLE_COLUMNS);
        block.with("started_ns", 3L).with("ended_ns", 4L).with("cpu_ns", 5L);
        return Encoder.encode(block);
    }

    @Test
    public void aStreamMayBeCutAnywhere() throws Exception {
        byte[] samples = new byte[32];
        Arrays.fill(samples, (byte) 7);
        byte[] stream = block(samples);
        for (int cut = 0; cut <= stream.length; cut++) {
            List<Message> found = new ArrayList<>();
            Decoder decoder = new Decoder();
            decoder.feed(stream, cut, found);
            byte[] rest = Arrays.copyOfRange(stream, cut, stream.length);
            decoder.feed(rest, rest.length, found);
            decoder.end();
            assertEquals(1, found.size());
            assertArrayEquals(samples, found.get(0).frames[0]);
        }
    }

    @Test
    public void randomBytesAreRefusedAndNothingElse() {
        Random random = new Random(7);
        byte[] valid = "\0\0\0\016J{\"type\":\"bye\"}".getBytes(StandardCharsets.US_ASCII);
        for (int round = 0; round < 20_000; round++) {
            byte[] stream = valid.clone();
            for (int change = 0; change <= random.nextInt(4); change++) {
                stream[random.nextInt(stream.length)] = (byte) random.nextInt(256);
            }
            try {
                new Decoder().feed(stream, stream.length, new ArrayList<Message>());
            } catch (WireFormatException refused) {
                assertTrue(refused.code.length() > 0);
            }
        }
    }

    @Test
    public void aFaultStays() throws Exception {
        Decoder decoder = new Decoder();
        WireFormatException first = null;
        for (byte[] data : new byte[][] {{0, 0, 0, 0, 'X'}, Encoder.encode(Message.of("bye"))}) {
            try {
                decoder.feed(data, data.length, new ArrayList<Message>());
                fail("accepted");
            } catch (WireFormatException fault) {
                first = first == null ? fault : first;
                assertSame(first, fault);
            }
        }
    }

    @Test
    public void whatADecoderRefusesIsNotEncoded() {
        Message wrong = Message.of("pong").with("host_ns", "soon").with("runner_ns", 1L);
        Message open = Message.of("outputs", new byte[1]).with("seq", 1L).with("index", 0L);
        open.with("shapes", Collections.emptyList());
        for (Message message : Arrays.asList(wrong, open)) {
            try {
                Encoder.encode(message);
                fail("encoded");
            } catch (WireFormatException refused) {
                assertTrue(Arrays.asList("wrong-type", "bad-frames").contains(refused.code));
            }
        }
    }
}
