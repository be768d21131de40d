package org.benchfarm.runner.engine;

import java.io.File;

/** An inference library the runner can load models with. */
public interface Engine {
    /** Reads the model file. Refuses, or throws whatever the library throws. */
    ReadModel load(File model, LoadRequest request) throws Exception;
}
