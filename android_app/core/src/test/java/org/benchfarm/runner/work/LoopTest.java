package org.benchfarm.runner.work;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Tensor;
import org.benchfarm.runner.wire.Message;
import org.junit.Test;

public final class LoopTest {
    private static final long MS = 1_000_000;

    private final Waiting model = new Waiting();
    private final Loop loop = new Loop(model, new NoPlatform());

    private static Block block(long count, long durationNs, long intervalNs) throws Refused {
        Map<String, Object> fields = new HashMap<>();
        fields.put("seq", 1L);
        fields.put("count", count);
        fields.put("duration_ns", durationNs);
        fields.put("interval_ns", intervalNs);
        fields.put("pause_ns", 0L);
        fields.put("timed", true);
        Message run = Message.of("run").with("blocks", Collections.singletonList(fields));
        return Block.of(run).get(0);
    }

    @Test
    public void aCountEndsABlock() throws Exception {
        loop.execute(block(5, 0, 0));
        assertEquals(5, loop.count);
        assertEquals(5, model.calls);
    }

    @Test
    public void aDurationEndsABlockButOneInferenceIsDone() throws Exception {
        model.busyNs = 2 * MS;
        loop.execute(block(1000, MS, 0));
        assertEquals(1, loop.count);
    }

    @Test
    public void phasesAddUp() throws Exception {
        model.busyNs = MS;
        model.insideNs = MS / 4;
        loop.execute(block(3, 0, 0));
        for (int i = 0; i < 3; i++) {
            Columns columns = loop.columns;
            assertTrue(columns.inputNs[i] >= MS / 4);
            assertTrue(columns.inputNs[i] + columns.invokeNs[i] >= MS);
            assertTrue(columns.outputNs[i] >= 0);
        }
        assertTrue(loop.columns.startNs[1] > loop.columns.startNs[0]);
    }

    @Test
    public void everyFrameIsDoneOrDropped() throws Exception {
        model.busyNs = 5 * MS;
        long interval = 2 * MS;
        loop.execute(block(1000, 60 * MS, interval));
        long next = loop.schedule.nextNs();
        long first = loop.columns.intendedNs[0];
        assertEquals((next - first) / interval, loop.count + loop.dropped);
        assertTrue(loop.dropped >= loop.count);
        loop.execute(block(2, 0, interval));
        long gap = loop.columns.intendedNs[0] - next;
        assertEquals(0, gap % interval);
        assertTrue(loop.columns.startNs[0] >= loop.columns.intendedNs[0]);
    }

    @Test
    public void samplesArePackedColumnByColumn() {
        Columns columns = new Columns();
        columns.reserve(2);
        columns.startNs[0] = 1;
        columns.startNs[1] = 2;
        columns.outputNs[1] = -3;
        byte[] packed = columns.packed(2, false);
        ByteBuffer read = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(64, packed.length);
        assertEquals(1, read.getLong(0));
        assertEquals(2, read.getLong(8));
        assertEquals(-3, read.getLong(56));
        assertEquals(80, columns.packed(2, true).length);
    }

    @Test
    public void impossibleBlocksAreRefused() {
        for (long[] given : new long[][] {{0, 0, 0}, {1_000_001, 0, 0}, {1, -1, 0}, {1, 0, -1}}) {
            try {
                block(given[0], given[1], given[2]);
                fail("accepted " + Arrays.toString(given));
            } catch (Refused refused) {
                assertEquals("bad-message", refused.code);
            }
        }
    }

    private static final class NoPlatform implements Platform {
        @Override
        public long cpuNs() {
            return 0;
        }

        @Override
        public long processStartNs() {
            return 0;
        }

        @Override
        public long collections() {
            return -1;
        }

        @Override
        public void read(Map<String, Long> readings) {}

        @Override
        public boolean isOrphaned() {
            return false;
        }
    }

    /** A model whose inference is a wait. */
    private static final class Waiting implements Model {
        long busyNs;
        long insideNs;
        int calls;

        @Override
        public void invoke() {
            calls++;
            long untilNs = System.nanoTime() + busyNs;
            while (System.nanoTime() < untilNs) {
                Thread.yield();
            }
        }

        @Override
        public long copiedInsideNs() {
            return insideNs;
        }

        @Override
        public void copyIn() {}

        @Override
        public void copyOut() {}

        @Override
        public void bind(ByteBuffer[] inputs) {}

        @Override
        public Tensor[] inputs() {
            return new Tensor[0];
        }

        @Override
        public Tensor[] outputs() {
            return new Tensor[0];
        }

        @Override
        public Map<String, Object> facts() {
            return Collections.emptyMap();
        }

        @Override
        public Map<String, Object> placement() {
            return Collections.emptyMap();
        }

        @Override
        public List<Output> results() {
            return Collections.emptyList();
        }

        @Override
        public void close() {}
    }
}
