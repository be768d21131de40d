package org.benchfarm.runner.engine;

/** A model file that the engine has read. */
public interface ReadModel {
    /** Delegates, shapes and buffers: everything up to the first inference. */
    Model prepare() throws Exception;
}
