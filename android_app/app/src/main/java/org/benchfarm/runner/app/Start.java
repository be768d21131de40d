package org.benchfarm.runner.app;

import android.os.Build;
import android.os.Process;
import android.system.ErrnoException;
import android.system.Os;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.BuildInfo;
import org.benchfarm.runner.link.Door;
import org.benchfarm.runner.link.Spool;
import org.benchfarm.runner.work.Platform;
import org.benchfarm.runner.work.Service;

/** What every way to start the runner needs: an abstract socket's name, the token, two folders. */
final class Start {
    final String socket;
    final String token;
    final File store;
    final File spool;

    Start(String socket, String token, File store, File spool) {
        if (socket == null || socket.isEmpty() || token == null || token.isEmpty()) {
            throw new IllegalArgumentException("give the extras 'socket' and 'token'");
        }
        this.socket = socket;
        this.token = token;
        this.store = store;
        this.spool = spool;
    }

    /** Serves one host until it says bye; {@code way} tells how the process was started. */
    void serve(String way, Platform platform) throws IOException {
        // ONNX Runtime would keep a database of its use and send it to its maker: work and network
        // traffic beside the measurement, and nobody was asked.
        setVariable("ORT_DISABLE_TELEMETRY", "1");
        if (!spool.isDirectory() && !spool.mkdirs()) {
            throw new IOException("cannot make the spool folder " + spool);
        }
        for (File left : spool.listFiles()) {
            Files.delete(left.toPath()); // of a process that was killed
        }
        LocalTransport transport = new LocalTransport(socket);
        Spool messages = new Spool(spool, Spool.DISK_LIMIT_BYTES);
        Door door = new Door(token, messages, facts(way), transport);
        new Service(door, messages, store, platform).serve();
    }

    /** Sets a variable of this process's environment, for native libraries that load later. */
    static void setVariable(String name, String value) {
        try {
            Os.setenv(name, value, true);
        } catch (ErrnoException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Map<String, Object> facts(String way) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("runner", "android");
        facts.put("version", BuildInfo.VERSION);
        facts.put("build", BuildInfo.BUILD_ID);
        facts.put("flavour", BuildInfo.FLAVOUR);
        facts.put("start", way);
        facts.put("language", "ART " + System.getProperty("java.vm.version"));
        facts.put("abi", Build.SUPPORTED_ABIS[0]);
        facts.put("process_64_bit", Process.is64Bit());
        facts.put("pid", (long) Process.myPid());
        facts.put("uid", (long) Process.myUid());
        facts.put("clock", "CLOCK_MONOTONIC");
        return facts;
    }
}
