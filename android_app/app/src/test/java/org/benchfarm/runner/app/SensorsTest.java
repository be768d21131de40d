package org.benchfarm.runner.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Application;
import android.content.Context;
import android.content.Intent;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import android.os.SystemClock;
import java.io.File;
import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.work.ProcessStart;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowPowerManager;
import org.robolectric.util.ReflectionHelpers;

@RunWith(RobolectricTestRunner.class)
public final class SensorsTest {
    /** Robolectric's power service, with the forecast that it lacks. */
    @Implements(PowerManager.class)
    public static class Heat extends ShadowPowerManager {
        static float headroom;
        static boolean broken;

        @Implementation
        protected float getThermalHeadroom(int seconds) {
            if (broken) {
                throw new IllegalStateException("the thermal service is gone");
            }
            return headroom;
        }
    }

    private final Application phone = RuntimeEnvironment.getApplication();
    private final BatteryManager battery =
            (BatteryManager) phone.getSystemService(Context.BATTERY_SERVICE);
    private final PowerManager power = (PowerManager) phone.getSystemService(Context.POWER_SERVICE);

    @Before
    public void unknownUntilSaid() {
        property(BatteryManager.BATTERY_PROPERTY_CURRENT_NOW, Long.MIN_VALUE);
        property(BatteryManager.BATTERY_PROPERTY_CHARGE_COUNTER, Long.MIN_VALUE);
        Heat.headroom = Float.NaN;
    }

    private void property(int id, long value) {
        shadowOf(battery).setLongProperty(id, value);
    }

    private Map<String, Long> read() {
        Map<String, Long> readings = new LinkedHashMap<>();
        new Sensors(phone).read(readings);
        return readings;
    }

    @Test
    public void whatThePhoneDoesNotHaveIsAbsentAndNeverZero() {
        Map<String, Long> readings = read();
        assertFalse(readings.containsKey("app.battery_current_raw"));
        assertFalse(readings.containsKey("app.battery_charge_uah"));
        assertFalse(readings.containsKey("app.thermal_headroom_ppm"));
    }

    @Test
    public void valuesPassAsTheyCome() {
        property(BatteryManager.BATTERY_PROPERTY_CURRENT_NOW, -431_250);
        property(BatteryManager.BATTERY_PROPERTY_CHARGE_COUNTER, 0);
        Map<String, Long> readings = read();
        assertEquals(-431_250, (long) readings.get("app.battery_current_raw"));
        assertEquals(0, (long) readings.get("app.battery_charge_uah"));
    }

    @Test
    @SuppressWarnings("deprecation") // apps may no longer send them; the system does
    public void theStickyBatteryIntentIsReadExtraByExtra() {
        Intent state = new Intent(Intent.ACTION_BATTERY_CHANGED);
        state.putExtra(BatteryManager.EXTRA_VOLTAGE, 4123);
        state.putExtra(BatteryManager.EXTRA_TEMPERATURE, -52);
        phone.sendStickyBroadcast(state);
        Map<String, Long> readings = read();
        assertEquals(4123, (long) readings.get("app.battery_voltage_mv"));
        assertEquals(-52, (long) readings.get("app.battery_decicelsius"));
        assertFalse(readings.containsKey("app.battery_plugged"));
    }

    @Test
    public void heatIsReadAndTheForecastIsAskedForSeldom() {
        shadowOf(power).setCurrentThermalStatus(PowerManager.THERMAL_STATUS_SEVERE);
        Heat.headroom = 0.75f;
        Sensors sensors = new Sensors(phone);
        Map<String, Long> first = new LinkedHashMap<>();
        sensors.read(first);
        assertEquals(3, (long) first.get("app.thermal_status"));
        assertEquals(750_000, (long) first.get("app.thermal_headroom_ppm"));
        Map<String, Long> second = new LinkedHashMap<>();
        sensors.read(second);
        assertTrue(second.containsKey("app.thermal_status"));
        assertFalse(second.containsKey("app.thermal_headroom_ppm"));
    }

    @Test
    public void olderAndroidsAreNotAskedForWhatTheyLack() {
        Heat.headroom = 0.5f;
        int here = Build.VERSION.SDK_INT;
        try {
            ReflectionHelpers.setStaticField(Build.VERSION.class, "SDK_INT", 29);
            assertTrue(read().containsKey("app.thermal_status"));
            assertFalse(read().containsKey("app.thermal_headroom_ppm"));
            ReflectionHelpers.setStaticField(Build.VERSION.class, "SDK_INT", 28);
            assertFalse(read().containsKey("app.thermal_status"));
        } finally {
            ReflectionHelpers.setStaticField(Build.VERSION.class, "SDK_INT", here);
        }
    }

    @Test
    public void memoryIsReadAtMostEveryHalfMinute() {
        AndroidPlatform platform = new AndroidPlatform(null);
        Map<String, Long> first = new LinkedHashMap<>();
        platform.read(first);
        assertTrue(first.containsKey("self.pss_bytes"));
        assertEquals(1, first.size()); // app_process has no system services to ask
        Map<String, Long> second = new LinkedHashMap<>();
        platform.read(second);
        assertTrue(second.isEmpty());
    }

    @Test
    public void aServiceThatFailsEndsItsReadingsAndNothingElse() {
        AndroidPlatform platform = new AndroidPlatform(phone);
        Heat.broken = true;
        try {
            platform.read(new LinkedHashMap<String, Long>());
        } finally {
            Heat.broken = false;
        }
        Map<String, Long> later = new LinkedHashMap<>();
        platform.read(later);
        assertTrue(later.isEmpty());
    }

    @Test
    public void theProcessStartIsOnTheClockOfTheSamples() {
        long sinceBootNs = ProcessStart.sinceBootNs(new File("/proc/self/stat"), 100);
        long asleepNs = SystemClock.elapsedRealtimeNanos() - System.nanoTime();
        long found = new AndroidPlatform(null).processStartNs();
        assertTrue(sinceBootNs > 0);
        assertEquals(sinceBootNs - asleepNs, found, 1e9);
    }

    @Test
    public void anInstalledRunnerReadsItsSensorsToo() {
        Map<String, Long> readings = new LinkedHashMap<>();
        AndroidPlatform platform = new AndroidPlatform(phone);
        platform.read(readings);
        assertTrue(readings.containsKey("app.thermal_status"));
        assertFalse(platform.isOrphaned());
    }
}
