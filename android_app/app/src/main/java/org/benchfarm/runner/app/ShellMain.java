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
        main(arguments, System.getenv("BENCHFARM_TOKEN"));
    }

    static void main(String[] arguments, String token) throws IOException {
        if (arguments.length != 3) {
            throw new IllegalArgumentException("give SOCKET STORE SPOOL");
        }
        File store = new File(arguments[1]);
        File spool = new File(arguments[2]).getAbsoluteFile();
        Start start = new Start(arguments[0], token, store, spool);
        // Its default is a folder that phones do not have; engines write their profiles there.
        System.setProperty("java.io.tmpdir", spool.getParent());
        start.serve("app_process", new AndroidPlatform(null));
    }
}
