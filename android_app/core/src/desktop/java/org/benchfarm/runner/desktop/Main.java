package org.benchfarm.runner.desktop;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.BuildInfo;
import org.benchfarm.runner.link.Door;
import org.benchfarm.runner.link.Spool;
import org.benchfarm.runner.link.TcpTransport;
import org.benchfarm.runner.work.Service;

/**
 * The runner core on a desktop JVM, started like the Python runner of the local machine.
 *
 * <pre>
 * --store DIR          pushed files, named by their SHA-256
 * --spool DIR          where samples wait that the host has not acknowledged
 * --spool-limit BYTES  for the files in it (optional)
 * --announce N         write the loopback port it listens on to this inherited descriptor
 * </pre>
 *
 * <p>The one-time token comes in the environment ({@code BENCHFARM_TOKEN}), never in the arguments;
 * {@code BENCHFARM_PARENT} is the process whose end ends this one, {@code BENCHFARM_SPAWNED_AT_NS}
 * the monotonic time at which it started us.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }
        DesktopPlatform platform =
                new DesktopPlatform(number("BENCHFARM_PARENT"), number("BENCHFARM_SPAWNED_AT_NS"));
        String limit = options.get("--spool-limit");
        long limitBytes = limit == null ? Spool.DISK_LIMIT_BYTES : Long.parseLong(limit);
        Spool spool = new Spool(new File(options.get("--spool")), limitBytes);
        TcpTransport transport = new TcpTransport();
        Door door = new Door(System.getenv("BENCHFARM_TOKEN"), spool, facts(), transport);
        announce(options.get("--announce"), transport.port());
        new Service(door, spool, new File(options.get("--store")), platform).serve();
        System.out.flush();
        Runtime.getRuntime().halt(0); // tearing engines down takes time and has been seen to crash
    }

    private static long number(String variable) {
        String text = System.getenv(variable);
        return text == null ? 0 : Long.parseLong(text);
    }

    private static void announce(String descriptor, int port) throws IOException {
        try (OutputStream out = new FileOutputStream("/proc/self/fd/" + descriptor)) {
            out.write((port + "\n").getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("runner", "jvm");
        facts.put("version", BuildInfo.VERSION);
        facts.put("build", BuildInfo.BUILD_ID);
        facts.put("start", "java");
        facts.put("language", "Java " + System.getProperty("java.version"));
        facts.put("pid", ProcessHandle.current().pid());
        facts.put("clock", "CLOCK_MONOTONIC");
        return facts;
    }
}
