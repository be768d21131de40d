package org.benchfarm.runner.app;

import java.io.File;
import java.io.IOException;

/**
 * The runner without installation, for bringing a phone up:
 *
 * <pre>
 * BENCHFARM_TOKEN=... CLASSPATH=/data/local/tmp/benchfarm-runner.jar LD_LIBRARY_PATH=LIBS \
 *   app_process -Djava.library.path=LIBS / org.benchfarm.runner.app.ShellMain SOCKET STORE SPOOL
 * </pre>
 *
 * <p>It runs as the shell user, in another scheduling group than an app: numbers for reports come
 * from the installed app.
 */
public final class ShellMain {
    private ShellMain() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 3) {
            throw new IllegalArgumentException("give SOCKET STORE SPOOL");
        }
        String token = System.getenv("BENCHFARM_TOKEN");
        File store = new File(arguments[1]);
        Start start = new Start(arguments[0], token, store, new File(arguments[2]));
        start.serve("app_process", new AndroidPlatform(null));
    }
}
