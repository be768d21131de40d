package org.benchfarm.runner.app;

import android.app.Activity;
import android.app.Instrumentation;
import android.os.Bundle;
import java.io.IOException;

/**
 * The runner under {@code am instrument -w -e socket NAME -e token TOKEN}: blocks until it is over
 * and is not ended by the system's rules for background work.
 */
public class RunnerInstrumentation extends Instrumentation {
    private Bundle arguments;

    @Override
    public void onCreate(Bundle given) {
        super.onCreate(given);
        arguments = given;
        start();
    }

    @Override
    public void onStart() {
        super.onStart();
        Bundle result = new Bundle();
        try {
            Start start = RunnerActivity.start(getTargetContext(), arguments);
            start.serve("instrumentation", new AndroidPlatform(getTargetContext()));
            finish(Activity.RESULT_OK, result);
        } catch (IOException | RuntimeException failure) {
            result.putString("error", String.valueOf(failure));
            finish(Activity.RESULT_CANCELED, result);
        }
    }
}
