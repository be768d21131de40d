package org.benchfarm.runner.engine;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;

/** A model that is ready to run: one inference is {@code copyIn}, {@code invoke}, {@code copyOut}. */
public interface Model {
    Tensor[] inputs();

    Tensor[] outputs();

    /** Engine, version and the options in force. */
    Map<String, Object> facts();

    /** Raw evidence of where the graph runs. */
    Map<String, Object> placement();

    /** The direct buffers that every inference from now on copies its inputs from. */
    void bind(ByteBuffer[] inputs);

    void copyIn() throws Exception;

    /** Runs until the outputs can be read by the host. */
    void invoke() throws Exception;

    /**
     * Nanoseconds of the last {@code invoke} that went into copying inputs, for a library that
     * does both in one call; 0 where {@link #copyIn} does all of it.
     */
    long copiedInsideNs();

    void copyOut() throws Exception;

    /** The outputs of the inference before, each with its shape. */
    List<Output> results() throws Exception;

    /**
     * What the engine's profiler writes about so many inferences on the bound inputs. Never a
     * timed run: a model that can do this uses a session of its own for it.
     */
    default byte[] profile(int runs) throws Exception {
        throw new Refused("unsupported", "this engine has no profiler in this runner");
    }

    /** The form of what {@link #profile} gives. */
    default String profileFormat() {
        return "";
    }

    void close();

    /** One output's bytes, little-endian, and its shape. */
    final class Output {
        public final int[] shape;
        public final byte[] bytes;

        public Output(int[] shape, byte[] bytes) {
            this.shape = shape;
            this.bytes = bytes;
        }
    }
}
