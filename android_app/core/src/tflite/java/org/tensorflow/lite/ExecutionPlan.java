package org.tensorflow.lite;

/** Lies in the library's package to see how many nodes its interpreter executes after delegation. */
public final class ExecutionPlan {
    private ExecutionPlan() {}

    /** A partition that a delegate took counts as one node. */
    public static int length(Interpreter interpreter) {
        return interpreter.wrapper.getExecutionPlanLength();
    }
}
