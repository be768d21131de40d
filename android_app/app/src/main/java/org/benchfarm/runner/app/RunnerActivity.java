package org.benchfarm.runner.app;

import android.app.Activity;
import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.os.PowerManager;
import android.view.View;
import android.view.Window;
import android.view.WindowManager;
import java.io.File;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The runner for reported numbers: a foreground app, full-screen, black, that draws nothing after
 * its start.
 *
 * <p>Extras: {@code socket} and {@code token} (required), {@code store} (a folder; by default the
 * app's external files), {@code sustained} (boolean: sustained-performance mode, where the phone
 * has it) and {@code refresh_hz} (float: the display's refresh rate).
 */
public class RunnerActivity extends Activity {
    /** Whether this process serves already: the system may make a second activity for the same run. */
    private static final AtomicBoolean SERVING = new AtomicBoolean();

    private static volatile RunnerActivity shown;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        Intent intent = getIntent();
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        hideBars(getWindow().getDecorView());
        prefer(getWindow(), intent.getFloatExtra("refresh_hz", 0));
        if (intent.getBooleanExtra("sustained", false)) {
            sustain();
        }
        final Start start = start(this, intent.getExtras());
        shown = this;
        if (!SERVING.compareAndSet(false, true)) {
            return;
        }
        Thread runner =
                new Thread("runner") {
                    @Override
                    public void run() {
                        serve(start);
                    }
                };
        runner.start();
    }

    /** The successor of these flags came with API 30; they still work. */
    @SuppressWarnings("deprecation")
    private static void hideBars(View view) {
        view.setSystemUiVisibility(
                View.SYSTEM_UI_FLAG_FULLSCREEN
                        | View.SYSTEM_UI_FLAG_HIDE_NAVIGATION
                        | View.SYSTEM_UI_FLAG_IMMERSIVE_STICKY);
    }

    private static void prefer(Window window, float refreshHz) {
        if (refreshHz > 0) {
            WindowManager.LayoutParams wanted = window.getAttributes();
            wanted.preferredRefreshRate = refreshHz;
            window.setAttributes(wanted);
        }
    }

    private void sustain() {
        PowerManager power = (PowerManager) getSystemService(POWER_SERVICE);
        if (!power.isSustainedPerformanceModeSupported()) {
            throw new UnsupportedOperationException("no sustained-performance mode on this phone");
        }
        getWindow().setSustainedPerformanceMode(true);
    }

    /** An uncaught exception ends the process and is in the system's log, where the agent looks. */
    private static void serve(Start start) {
        try {
            start.serve("activity", new AndroidPlatform(shown.getApplicationContext()));
        } catch (IOException failure) {
            throw new IllegalStateException(failure);
        } finally {
            SERVING.set(false);
        }
        shown.finishAndRemoveTask();
        shown.leave();
    }

    /** Ends the process: the next trial has one of its own. */
    void leave() {
        System.exit(0);
    }

    /** Reads the extras that the activity and the instrumentation have in common. */
    static Start start(Context context, Bundle given) {
        Bundle extras = given == null ? Bundle.EMPTY : given;
        String store = extras.getString("store");
        File folder = store == null ? context.getExternalFilesDir("store") : new File(store);
        File spool = new File(context.getCacheDir(), "spool");
        // Qualcomm's signal processor looks for its own libraries in the folders of this variable.
        String libraries = String.valueOf(context.getApplicationInfo().nativeLibraryDir);
        Start.setVariable("ADSP_LIBRARY_PATH", libraries);
        return new Start(extras.getString("socket"), extras.getString("token"), folder, spool);
    }
}
