package org.benchfarm.runner.work;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Tensor;
import org.benchfarm.runner.wire.Message;

/** What runs on a loaded model: timed blocks, or untimed inferences over a file. */
final class Program {
    private static final List<String> COLUMNS =
            Arrays.asList("start_ns", "input_ns", "invoke_ns", "output_ns");
    private static final List<String> PERIODIC_COLUMNS =
            Arrays.asList("start_ns", "input_ns", "invoke_ns", "output_ns", "intended_ns");

    /** The link is left alone so long before the next periodic frame is due. */
    private static final long QUIET_NS = 1_000_000;

    private static final long IDLE_NS = 1_000_000_000;

    /** Longest wait for more messages after a ping was answered in the middle of a program. */
    private static final long LINGER_NS = 20_000_000;

    /** Keeps what a profiler writes within a frame. */
    private static final long MOST_PROFILED = 10_000;

    private final Service service;
    private final Inputs inputs;
    private final Model model;
    private final Loop loop;
    private final Deque<Block> blocks = new ArrayDeque<>();
    private boolean closed = true;
    private boolean cancelled;

    Program(Service service, Store store, Model model, Platform platform) {
        this.service = service;
        this.inputs = new Inputs(store, model.inputs());
        this.model = model;
        this.loop = new Loop(model, platform);
    }

    /** Executes blocks until the program is closed and empty, or cancelled. */
    void run(Message request) throws Refused, IOException {
        bind(inputs.whole(request.texts("inputs")));
        closed = false;
        extend(request);
        while (!service.isGone()) {
            if (cancelled || closed && blocks.isEmpty()) {
                done();
                return;
            }
            if (blocks.isEmpty()) {
                idle();
            } else {
                nextBlock(blocks.remove());
            }
        }
    }

    /** Runs every sample of the range once and sends its outputs. */
    void infer(Message request) throws Refused, IOException {
        long last = request.number("last");
        try (Inputs.Samples samples = inputs.samples(request)) {
            for (long index = request.number("first"); index < last; index++) {
                bind(samples.next());
                postOutputs(index);
                service.exchange(System.nanoTime());
                listen();
                while (service.isCrowded() && !cancelled && !service.isGone()) {
                    idle();
                }
                if (cancelled || service.isGone()) {
                    break;
                }
            }
        }
        done();
    }

    /** Runs the model with the engine's own profiler on, and sends what that wrote. */
    void profile(Message request) throws Refused, IOException {
        long count = request.number("count");
        long warmup = request.number("warmup");
        if (count < 1 || warmup < 0 || count + warmup > MOST_PROFILED) {
            throw new Refused("bad-message", "a profile is of 1 to " + MOST_PROFILED + " runs");
        }
        bind(inputs.whole(request.texts("inputs")));
        byte[] written;
        try {
            written = model.profile((int) (count + warmup));
        } catch (Exception | OutOfMemoryError failure) {
            throw Refused.because(failure, "inference-failed");
        }
        Message profiled = Message.of("profiled", written).with("format", model.profileFormat());
        profiled.with("count", count).with("warmup", warmup);
        service.post(profiled.with("facts", model.facts()), "answers");
    }

    // --- blocks ----------------------------------------------------------------------------

    private void nextBlock(Block block) throws Refused, IOException {
        if (block.pauseNs > 0) {
            pause(block.pauseNs);
            if (cancelled || service.isGone()) {
                return;
            }
        }
        try {
            loop.execute(block);
        } catch (Exception | OutOfMemoryError failure) {
            throw Refused.because(failure, "inference-failed");
        }
        service.post(blockDone(block), "samples");
        if (!loop.schedule.isRunning()) {
            service.garbage.collectIfMuch();
        }
        service.exchange(quietFromNs());
        listen();
    }

    private Message blockDone(Block block) {
        boolean periodic = block.intervalNs > 0;
        Message found = Message.of("block", loop.columns.packed(loop.count, periodic));
        found.with("columns", periodic ? PERIODIC_COLUMNS : COLUMNS);
        found.with("block", block.seq).with("timed", block.timed);
        found.with("count", (long) loop.count).with("dropped", loop.dropped);
        found.with("started_ns", loop.startedNs).with("ended_ns", loop.endedNs);
        found.with("cpu_ns", loop.cpuNs);
        return found.with("process_start_ns", service.processStartOnce());
    }

    /** When the link has to be left alone for the next block's sake. */
    private long quietFromNs() {
        boolean due = !blocks.isEmpty() && loop.schedule.isRunning();
        return due ? loop.schedule.nextNs() - QUIET_NS : Long.MAX_VALUE;
    }

    private void pause(long pauseNs) throws IOException {
        loop.schedule.stop();
        long untilNs = System.nanoTime() + pauseNs;
        long leftNs;
        while ((leftNs = untilNs - System.nanoTime()) > 0 && !cancelled && !service.isGone()) {
            service.attend(leftNs);
            listen();
        }
    }

    /** Nothing to do until the host says more; a schedule does not run on meanwhile. */
    private void idle() throws IOException {
        loop.schedule.stop();
        service.attend(IDLE_NS);
        listen();
    }

    private void done() throws Refused {
        service.post(Message.of("done").with("cancelled", cancelled), "end of the program");
    }

    // --- messages --------------------------------------------------------------------------

    private void listen() throws IOException {
        while (!service.inbox().isEmpty()) {
            Message message = service.inbox().remove();
            try {
                take(message);
            } catch (Refused refused) {
                service.refuse(refused);
            }
            if (message.type.equals("ping") && !blocks.isEmpty()) {
                service.attend(LINGER_NS);
            }
        }
    }

    private void take(Message message) throws Refused {
        if (service.takeAnytime(message)) {
            cancelled = cancelled || service.isLeaving();
        } else if (message.type.equals("append")) {
            extend(message);
        } else if (message.type.equals("cancel")) {
            cancelled = true;
        } else {
            throw new Refused(
                    "bad-message", message.type + " is not expected while a program runs");
        }
    }

    private void extend(Message message) throws Refused {
        if (closed) {
            throw new Refused("bad-message", "append: the program is closed");
        }
        blocks.addAll(Block.of(message));
        closed = message.flag("final");
    }

    // --- inputs and outputs ----------------------------------------------------------------

    private void bind(ByteBuffer[] given) throws Refused {
        try {
            model.bind(given);
        } catch (RuntimeException failure) {
            throw Refused.because(failure, "input-rejected");
        }
    }

    private void postOutputs(long index) throws Refused {
        List<Model.Output> results;
        try {
            model.copyIn();
            model.invoke();
            model.copyOut();
            results = model.results();
        } catch (Exception | OutOfMemoryError failure) {
            throw Refused.because(failure, "inference-failed");
        }
        byte[][] frames = new byte[results.size()][];
        List<Object> shapes = new ArrayList<>();
        for (int i = 0; i < frames.length; i++) {
            frames[i] = results.get(i).bytes;
            shapes.add(Tensor.sizes(results.get(i).shape));
        }
        Message outputs = Message.of("outputs", frames).with("index", index);
        service.post(outputs.with("shapes", shapes), "outputs");
    }
}
