package org.benchfarm.runner.work;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.engine.Engine;
import org.benchfarm.runner.engine.Engines;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.ReadModel;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Tensor;
import org.benchfarm.runner.link.Door;
import org.benchfarm.runner.link.Spool;
import org.benchfarm.runner.wire.Encoder;
import org.benchfarm.runner.wire.Message;
import org.benchfarm.runner.wire.WireFormatException;

/**
 * The runner's state machine: no model, a model, a program. One thread does everything.
 *
 * <p>Commands are carried out strictly in the order they came. While a program runs, the inbox, the
 * link and the spool are looked at only between blocks.
 */
public final class Service {
    /** A link that is being drained may hold the runner up so long between two blocks. */
    private static final long GAP_NS = 50_000_000;

    /** A link that takes nothing for so long gets the rest later. */
    private static final long STUCK_MS = 5;

    /** How often an idle runner looks whether its parent lives. */
    private static final long IDLE_NS = 1_000_000_000;

    private static final long NS_PER_MS = 1_000_000;

    final Garbage garbage = new Garbage();
    private final Door door;
    private final Spool spool;
    private final Store store;
    private final Platform platform;
    private final OwnMemory memory = new OwnMemory(new File("/proc/self/status"));
    private long processStartNs;
    private Model model;
    private long traceIntervalNs;
    private long traceDueNs;
    private boolean leaving;

    public Service(Door door, Spool spool, File store, Platform platform) {
        this.door = door;
        this.spool = spool;
        this.store = new Store(store);
        this.platform = platform;
        this.processStartNs = platform.processStartNs();
    }

    /** Carries out commands until the host says bye, or whoever started us is gone. */
    public void serve() throws IOException {
        while (!isGone() && !(leaving && spool.isEmpty())) {
            attend(IDLE_NS);
            while (!door.inbox.isEmpty()) {
                take(door.inbox.remove());
            }
        }
    }

    /** Whether nobody can ever listen again. */
    boolean isGone() {
        return platform.isOrphaned();
    }

    /** Whether the host said bye. */
    boolean isLeaving() {
        return leaving;
    }

    Deque<Message> inbox() {
        return door.inbox;
    }

    boolean isCrowded() {
        return spool.isCrowded();
    }

    // --- the link --------------------------------------------------------------------------

    /** Waits for a command, at most {@code waitNs}, while the link is served. */
    void attend(long waitNs) throws IOException {
        long untilNs = System.nanoTime() + waitNs;
        while (door.inbox.isEmpty() && !isGone()) {
            traceIfDue();
            long leftNs = untilNs - System.nanoTime();
            if (leftNs <= 0) {
                return;
            }
            if (traceIntervalNs > 0) {
                leftNs = Math.min(leftNs, Math.max(0, traceDueNs - System.nanoTime()));
            }
            door.poll((leftNs + NS_PER_MS - 1) / NS_PER_MS);
        }
    }

    /** Between two blocks: takes in what has come, sends what fits until {@code untilNs}. */
    void exchange(long untilNs) throws IOException {
        traceIfDue();
        door.poll(0);
        long endNs = Math.min(untilNs, System.nanoTime() + GAP_NS);
        while (door.isSending() && System.nanoTime() < endNs) {
            if (!door.poll(STUCK_MS)) {
                return;
            }
        }
    }

    /** Spools a message under the next sequence number; refuses when the spool is full. */
    void post(Message message, String what) throws Refused {
        byte[] data;
        try {
            data = Encoder.encode(message.with("seq", spool.lastSeq() + 1));
        } catch (WireFormatException fault) {
            throw new Refused("inference-failed", "the result does not fit: " + fault.getMessage());
        }
        if (!spool.put(data)) {
            throw new Refused(
                    "spool-full", "the host did not fetch the " + what + ", and the disk is full");
        }
    }

    /** Tells the host why a command was not carried out. */
    void refuse(Refused refused) {
        Message error = Message.of("error").with("code", refused.code);
        error.with("text", refused.getMessage());
        try {
            post(error, "errors");
        } catch (Refused full) {
            return; // it was kept in memory all the same
        }
    }

    private void traceIfDue() {
        if (traceIntervalNs == 0 || System.nanoTime() < traceDueNs) {
            return;
        }
        Map<String, Long> readings = new LinkedHashMap<>();
        memory.read(readings);
        platform.read(readings);
        if (platform.collections() >= 0) {
            readings.put("self.unasked_collections", platform.collections() - garbage.asked());
        }
        long atNs = System.nanoTime();
        traceDueNs = atNs + traceIntervalNs;
        if (readings.isEmpty()) {
            return;
        }
        Message trace = Message.of("trace").with("at_ns", atNs);
        trace.with("channels", new ArrayList<>(readings.keySet()));
        try {
            post(trace.with("values", new ArrayList<>(readings.values())), "traces");
        } catch (Refused full) {
            return; // the program learns of it with its next block
        }
    }

    // --- commands --------------------------------------------------------------------------

    private void take(Message message) throws IOException {
        try {
            if (!takeAnytime(message)) {
                carryOut(message);
            }
        } catch (Refused refused) {
            refuse(refused);
        } catch (OutOfMemoryError full) {
            refuse(Refused.because(full, "out-of-memory"));
        }
    }

    /** Carries out what is allowed in every state; false for anything else. */
    boolean takeAnytime(Message message) {
        switch (message.type) {
            case "ping":
                Message pong = Message.of("pong").with("host_ns", message.number("host_ns"));
                door.answer(pong.with("runner_ns", System.nanoTime()));
                return true;
            case "ack":
                spool.forget(message.number("seq"));
                return true;
            case "telemetry":
                traceIntervalNs = Math.max(0, message.number("interval_ns"));
                traceDueNs = System.nanoTime();
                return true;
            case "bye":
                leaving = true;
                return true;
            default:
                return false;
        }
    }

    private void carryOut(Message message) throws Refused, IOException {
        switch (message.type) {
            case "load":
                load(message);
                break;
            case "unload":
                loadedModel().close();
                model = null;
                break;
            case "run":
                new Program(this, store, loadedModel(), platform).run(message);
                break;
            case "infer":
                new Program(this, store, loadedModel(), platform).infer(message);
                break;
            case "profile":
                new Program(this, store, loadedModel(), platform).profile(message);
                break;
            case "cancel":
                break; // the program it was meant for is over already
            case "append":
                throw new Refused("bad-message", "append: no program is running");
            default:
                throw new Refused("bad-message", message.type + " is not expected now");
        }
    }

    private Model loadedModel() throws Refused {
        if (model == null) {
            throw new Refused("bad-message", "no model is loaded");
        }
        return model;
    }

    private void load(Message message) throws Refused {
        if (model != null) {
            throw new Refused("bad-message", "a model is loaded already; send unload first");
        }
        File file = store.file(message.text("model"));
        final String cacheState = Store.pageCacheState(message.text("page_cache"));
        LoadRequest request = new LoadRequest(message);
        long beganNs = System.nanoTime();
        Engine engine = Engines.open(request.engine);
        long openedNs = System.nanoTime();
        long readNs;
        try {
            ReadModel read = engine.load(file, request);
            readNs = System.nanoTime();
            model = read.prepare();
        } catch (Exception | OutOfMemoryError | LinkageError failure) {
            throw Refused.because(failure, "model-rejected");
        }
        Message loaded = Message.of("loaded").with("import_ns", openedNs - beganNs);
        loaded.with("load_ns", readNs - openedNs).with("prepare_ns", System.nanoTime() - readNs);
        loaded.with("inputs", Tensor.wire(model.inputs()));
        loaded.with("outputs", Tensor.wire(model.outputs()));
        loaded.with("cache_state", cacheState).with("engine", model.facts());
        post(loaded.with("placement", placement(request)), "answers");
    }

    private Map<String, Object> placement(LoadRequest request) {
        Map<String, Object> found = new LinkedHashMap<>(model.placement());
        String mapped = request.delegate.equals("cpu") ? null : Libraries.mapped();
        if (mapped != null) {
            found.put("libraries", mapped);
        }
        return found;
    }

    /** When the process started, the first time it is asked for; 0 later. */
    long processStartOnce() {
        long startNs = processStartNs;
        processStartNs = 0;
        return startNs;
    }
}
