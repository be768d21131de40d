package org.benchfarm.runner.work;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.wire.Limits;
import org.benchfarm.runner.wire.Message;

/** A piece of a trial's program; {@code harness/wire/messages.py} tells what the fields mean. */
final class Block {
    final long seq;
    final int count;
    final long durationNs;
    final long intervalNs;
    final long pauseNs;
    final boolean timed;

    private Block(Map<?, ?> fields) throws Refused {
        long wanted = (Long) fields.get("count");
        if (wanted < 1 || wanted > Limits.MAX_BLOCK_COUNT) {
            throw new Refused("bad-message", "a block's count is 1 to " + Limits.MAX_BLOCK_COUNT);
        }
        seq = (Long) fields.get("seq");
        count = (int) wanted;
        durationNs = (Long) fields.get("duration_ns");
        intervalNs = (Long) fields.get("interval_ns");
        pauseNs = (Long) fields.get("pause_ns");
        timed = (Boolean) fields.get("timed");
        if (Math.min(Math.min(durationNs, intervalNs), pauseNs) < 0) {
            throw new Refused("bad-message", "a block's durations are not negative");
        }
    }

    /** The blocks of a {@code run} or {@code append}. */
    static List<Block> of(Message message) throws Refused {
        List<Block> found = new ArrayList<>();
        for (Object fields : message.list("blocks")) {
            found.add(new Block((Map<?, ?>) fields));
        }
        return found;
    }
}
