package org.benchfarm.runner.wire;

import static org.benchfarm.runner.wire.Kind.BOOLEAN;
import static org.benchfarm.runner.wire.Kind.INTEGER;
import static org.benchfarm.runner.wire.Kind.SCALAR;
import static org.benchfarm.runner.wire.Kind.STRING;
import static org.benchfarm.runner.wire.Kind.listOf;
import static org.benchfarm.runner.wire.Kind.mapOf;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Every message of the wire; {@code harness/wire/messages.py} tells what the fields mean. */
final class Schemas {
    static final Map<String, Schema> BY_TYPE = new LinkedHashMap<>();

    static final List<String> SAMPLE_COLUMNS =
            Collections.unmodifiableList(
                    Arrays.asList("start_ns", "input_ns", "invoke_ns", "output_ns"));
    static final List<String> PERIODIC_COLUMNS =
            Collections.unmodifiableList(
                    Arrays.asList("start_ns", "input_ns", "invoke_ns", "output_ns", "intended_ns"));

    private static final Set<String> ERROR_CODES =
            new HashSet<>(
                    Arrays.asList(
                            "bad-message",
                            "bad-token",
                            "bad-version",
                            "busy",
                            "no-session",
                            "no-file",
                            "model-rejected",
                            "delegate-rejected",
                            "option-rejected",
                            "unsupported",
                            "input-rejected",
                            "inference-failed",
                            "out-of-memory",
                            "spool-full"));

    private static final Kind SHAPE = listOf(INTEGER);

    private static final Schema BLOCK =
            new Schema("Block")
                    .required("seq", INTEGER)
                    .required("count", INTEGER)
                    .optional("duration_ns", INTEGER, 0L)
                    .optional("interval_ns", INTEGER, 0L)
                    .optional("pause_ns", INTEGER, 0L)
                    .optional("timed", BOOLEAN, true);

    private static final Schema TENSOR =
            new Schema("WireTensor")
                    .required("name", STRING)
                    .required("dtype", STRING)
                    .required("shape", SHAPE)
                    .optional("scale", STRING, "")
                    .optional("zero_point", INTEGER, 0L);

    static {
        hostMessages();
        runnerMessages();
    }

    private Schemas() {}

    private static void hostMessages() {
        message("hello")
                .required("version", INTEGER)
                .required("token", STRING)
                .optional("session", STRING, "")
                .optional("last_seq", INTEGER, 0L);
        message("ping").required("host_ns", INTEGER);
        message("load")
                .required("model", STRING)
                .required("engine", STRING)
                .required("delegate", STRING)
                .required("threads", INTEGER)
                .optional("batch", INTEGER, 1L)
                .optional("shapes", mapOf(SHAPE), Collections.emptyMap())
                .optional("page_cache", STRING, "keep")
                .optional("options", mapOf(SCALAR), Collections.emptyMap());
        message("run")
                .required("inputs", listOf(STRING))
                .required("blocks", listOf(BLOCK))
                .optional("final", BOOLEAN, false);
        message("append")
                .required("blocks", listOf(BLOCK))
                .optional("final", BOOLEAN, false);
        message("ack").required("seq", INTEGER);
        message("infer")
                .required("inputs", listOf(STRING))
                .required("first", INTEGER)
                .required("last", INTEGER);
        message("profile")
                .required("inputs", listOf(STRING))
                .required("count", INTEGER)
                .optional("warmup", INTEGER, 0L);
        message("telemetry").required("interval_ns", INTEGER);
        message("unload");
        message("cancel");
        message("bye");
    }

    private static void runnerMessages() {
        message("ready")
                .required("session", STRING)
                .required("facts", mapOf(SCALAR))
                .optional("received", INTEGER, 0L);
        message("pong").required("host_ns", INTEGER).required("runner_ns", INTEGER);
        message("loaded")
                .required("import_ns", INTEGER)
                .required("load_ns", INTEGER)
                .required("prepare_ns", INTEGER)
                .required("inputs", listOf(TENSOR))
                .required("outputs", listOf(TENSOR))
                .required("cache_state", STRING)
                .required("engine", mapOf(SCALAR))
                .required("placement", mapOf(SCALAR))
                .optional("seq", INTEGER, 0L);
        message("block")
                .required("seq", INTEGER)
                .required("block", INTEGER)
                .required("timed", BOOLEAN)
                .required("count", INTEGER)
                .required("columns", listOf(STRING))
                .required("started_ns", INTEGER)
                .required("ended_ns", INTEGER)
                .required("cpu_ns", INTEGER)
                .optional("dropped", INTEGER, 0L)
                .optional("process_start_ns", INTEGER, 0L);
        message("trace")
                .required("seq", INTEGER)
                .required("at_ns", INTEGER)
                .required("channels", listOf(STRING))
                .required("values", listOf(INTEGER));
        message("outputs")
                .required("seq", INTEGER)
                .required("index", INTEGER)
                .optional("shapes", listOf(SHAPE), Collections.emptyList());
        message("profiled")
                .required("seq", INTEGER)
                .required("format", STRING)
                .required("count", INTEGER)
                .optional("warmup", INTEGER, 0L)
                .optional("facts", mapOf(SCALAR), Collections.emptyMap());
        message("done").required("seq", INTEGER).optional("cancelled", BOOLEAN, false);
        message("error")
                .required("code", STRING)
                .required("text", STRING)
                .optional("fatal", BOOLEAN, false)
                .optional("seq", INTEGER, 0L);
    }

    private static Schema message(String type) {
        Schema schema = new Schema(type);
        BY_TYPE.put(type, schema);
        return schema;
    }

    /** What the kinds alone cannot tell: closed lists, and lists that belong together. */
    static void checkValues(Message message) throws WireFormatException {
        switch (message.type) {
            case "error":
                require(ERROR_CODES.contains(message.text("code")), "an unknown error code");
                break;
            case "block":
                List<?> columns = message.list("columns");
                boolean known = columns.equals(SAMPLE_COLUMNS) || columns.equals(PERIODIC_COLUMNS);
                require(known, "unknown columns");
                break;
            case "trace":
                boolean even = message.list("channels").size() == message.list("values").size();
                require(even, "channels and values do not match");
                break;
            default:
                break;
        }
    }

    private static void require(boolean good, String text) throws WireFormatException {
        if (!good) {
            throw new WireFormatException("bad-value", text);
        }
    }
}
