package org.benchfarm.runner.engine;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.wire.Message;

/** What a {@code load} message asks of an engine. */
public final class LoadRequest {
    public final String engine;
    public final String delegate;
    public final int threads;
    public final int batch;
    public final Map<String, int[]> shapes = new LinkedHashMap<>();
    final Map<String, Object> options = new LinkedHashMap<>();

    public LoadRequest(Message load) throws Refused {
        engine = load.text("engine");
        delegate = load.text("delegate");
        threads = positive("threads", load.number("threads"));
        batch = positive("batch", load.number("batch"));
        for (Map.Entry<?, ?> entry : load.map("shapes").entrySet()) {
            shapes.put((String) entry.getKey(), sizes((List<?>) entry.getValue()));
        }
        for (Map.Entry<?, ?> entry : load.map("options").entrySet()) {
            options.put((String) entry.getKey(), entry.getValue());
        }
    }

    private static int[] sizes(List<?> given) throws Refused {
        int[] found = new int[given.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = positive("a size in shapes", (Long) given.get(i));
        }
        return found;
    }

    private static int positive(String what, long value) throws Refused {
        if (value < 1 || value > Integer.MAX_VALUE) {
            throw new Refused("option-rejected", what + " is at least 1, not " + value);
        }
        return (int) value;
    }

    /** Refuses a delegate the engine does not have here. */
    public void requireDelegate(List<String> known) throws Refused {
        if (!known.contains(delegate)) {
            throw new Refused(
                    "delegate-rejected",
                    engine + " has no delegate '" + delegate + "' on this device; it has " + known);
        }
    }
}
