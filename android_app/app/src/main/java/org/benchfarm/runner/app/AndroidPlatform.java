package org.benchfarm.runner.app;

import android.content.Context;
import android.os.Debug;
import android.os.Process;
import android.os.SystemClock;
import android.system.Os;
import android.system.OsConstants;
import android.util.Log;
import java.io.File;
import java.util.Map;
import org.benchfarm.runner.work.Platform;
import org.benchfarm.runner.work.ProcessStart;

/** Times and readings of this process; uptime is CLOCK_MONOTONIC, as nanoTime is. */
final class AndroidPlatform implements Platform {
    private static final long NS_PER_MS = 1_000_000;
    private static final long BYTES_PER_KIB = 1024;

    /** Reading PSS holds the process up for milliseconds, so it is not done with every trace. */
    private static final long PSS_INTERVAL_NS = 30_000_000_000L;

    private Sensors sensors;
    private long pssDueNs = System.nanoTime();

    /** {@code context} is null for app_process, which has no system services. */
    AndroidPlatform(Context context) {
        sensors = context == null ? null : new Sensors(context);
    }

    @Override
    public long cpuNs() {
        return Process.getElapsedCpuTime() * NS_PER_MS;
    }

    /**
     * When it was forked, to 10 ms: what the system tells by getStartUptimeMillis is when an app was
     * given its code, which is later, and nothing at all for app_process.
     */
    @Override
    public long processStartNs() {
        long ticksPerSecond = Os.sysconf(OsConstants._SC_CLK_TCK);
        long sinceBootNs = ProcessStart.sinceBootNs(new File("/proc/self/stat"), ticksPerSecond);
        long asleepNs = SystemClock.elapsedRealtimeNanos() - System.nanoTime();
        return sinceBootNs < 0 ? Process.getStartUptimeMillis() * NS_PER_MS : sinceBootNs - asleepNs;
    }

    @Override
    public long collections() {
        String count = Debug.getRuntimeStat("art.gc.gc-count");
        return count == null || count.isEmpty() ? -1 : Long.parseLong(count);
    }

    @Override
    public void read(Map<String, Long> readings) {
        if (System.nanoTime() >= pssDueNs) {
            Debug.MemoryInfo memory = new Debug.MemoryInfo();
            Debug.getMemoryInfo(memory);
            readings.put("self.pss_bytes", memory.getTotalPss() * BYTES_PER_KIB);
            pssDueNs = System.nanoTime() + PSS_INTERVAL_NS;
        }
        if (sensors != null) {
            readSensors(readings);
        }
    }

    /** A system service that fails ends its own readings, not a measurement. */
    private void readSensors(Map<String, Long> readings) {
        try {
            sensors.read(readings);
        } catch (RuntimeException broken) {
            Log.w("benchfarm", "sensors are not asked any more", broken);
            sensors = null;
        }
    }

    /** A runner on a phone ends when the agent ends it: it must survive a pulled cable. */
    @Override
    public boolean isOrphaned() {
        return false;
    }
}
