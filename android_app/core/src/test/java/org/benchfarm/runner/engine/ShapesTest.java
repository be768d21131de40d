package org.benchfarm.runner.engine;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.wire.Message;
import org.junit.Test;

public final class ShapesTest {
    private static final Shapes.Declared IDS =
            new Shapes.Declared("ids", new int[] {-1, -1}, new String[] {"batch", "length"});
    private static final Shapes.Declared MASK =
            new Shapes.Declared("mask", new int[] {-1, -1}, new String[] {"batch", "length"});
    private static final Shapes.Declared IMAGE =
            new Shapes.Declared("image", new int[] {1, 3, 8, 8}, new String[] {"", "", "", ""});

    private static Shapes resolve(long batch, Map<String, ?> shapes, Shapes.Declared... inputs)
            throws Refused {
        Message load = Message.of("load").with("engine", "e").with("delegate", "cpu");
        load.with("threads", 1L).with("batch", batch).with("shapes", shapes);
        load.with("options", Collections.emptyMap());
        return new Shapes(Arrays.asList(inputs), new LoadRequest(load));
    }

    private static String refusal(long batch, Map<String, ?> shapes, Shapes.Declared... inputs) {
        try {
            resolve(batch, shapes, inputs);
            fail("accepted");
            return "";
        } catch (Refused refused) {
            assertEquals("option-rejected", refused.code);
            return refused.getMessage();
        }
    }

    private static Map<String, List<Long>> ids(Long... sizes) {
        return Collections.singletonMap("ids", Arrays.asList(sizes));
    }

    @Test
    public void aNameHasItsSizeEverywhere() throws Exception {
        int[][] concrete = resolve(2, ids(2L, 128L), IDS, MASK).concrete;
        assertArrayEquals(new int[] {2, 128}, concrete[0]);
        assertArrayEquals(new int[] {2, 128}, concrete[1]);
    }

    @Test
    public void aLeadingDynamicDimensionIsTheBatch() throws Exception {
        Shapes.Declared only = new Shapes.Declared("x", new int[] {-1, 4}, new String[] {"", ""});
        int[][] concrete = resolve(8, Collections.<String, Object>emptyMap(), only).concrete;
        assertArrayEquals(new int[] {8, 4}, concrete[0]);
    }

    @Test
    public void whatStaysOpenIsNamed() {
        String text = refusal(1, Collections.<String, Object>emptyMap(), IDS);
        assertTrue(text, text.contains("'ids' has the dynamic shape [batch, length]"));
    }

    @Test
    public void contradictionsAreRefused() {
        assertTrue(refusal(1, ids(1L, 2L, 3L), IDS).contains("does not fit"));
        assertTrue(refusal(1, ids(1L, 2L), IMAGE).contains("no input 'ids'"));
        assertTrue(refusal(4, Collections.<String, Object>emptyMap(), IMAGE).contains("batch 4"));
        assertTrue(refusal(1, ids(0L, 2L), IDS).contains("at least 1"));
    }
}
