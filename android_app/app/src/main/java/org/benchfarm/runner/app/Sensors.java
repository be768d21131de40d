package org.benchfarm.runner.app;

import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import java.util.Map;

/**
 * What Android tells apps about battery and heat. Values are passed on as they come: unit and sign
 * of the current differ between makers and are calibrated by the host.
 */
final class Sensors {
    private static final int FORECAST_SECONDS = 10;
    private static final float PER_MILLION = 1_000_000;

    /** The thermal service answers no more than once a second, and NaN in between. */
    private static final long HEADROOM_INTERVAL_NS = 10_000_000_000L;

    private final Context context;
    private final BatteryManager battery;
    private final PowerManager power;
    private long headroomDueNs = System.nanoTime();

    Sensors(Context context) {
        this.context = context;
        battery = (BatteryManager) context.getSystemService(Context.BATTERY_SERVICE);
        power = (PowerManager) context.getSystemService(Context.POWER_SERVICE);
    }

    /** Adds what there is; a property the phone does not have is absent. */
    void read(Map<String, Long> readings) {
        property(readings, "app.battery_current_raw", BatteryManager.BATTERY_PROPERTY_CURRENT_NOW);
        property(readings, "app.battery_charge_uah", BatteryManager.BATTERY_PROPERTY_CHARGE_COUNTER);
        Intent state =
                context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
        if (state != null) {
            extra(readings, "app.battery_voltage_mv", state, BatteryManager.EXTRA_VOLTAGE);
            extra(readings, "app.battery_decicelsius", state, BatteryManager.EXTRA_TEMPERATURE);
            extra(readings, "app.battery_plugged", state, BatteryManager.EXTRA_PLUGGED);
        }
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            readings.put("app.thermal_status", (long) power.getCurrentThermalStatus());
        }
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R && System.nanoTime() >= headroomDueNs) {
            headroomDueNs = System.nanoTime() + HEADROOM_INTERVAL_NS;
            float headroom = power.getThermalHeadroom(FORECAST_SECONDS);
            if (!Float.isNaN(headroom)) {
                readings.put("app.thermal_headroom_ppm", (long) (headroom * PER_MILLION));
            }
        }
    }

    private void property(Map<String, Long> readings, String channel, int id) {
        long value = battery.getLongProperty(id);
        if (value != Long.MIN_VALUE) {
            readings.put(channel, value);
        }
    }

    private static void extra(Map<String, Long> readings, String channel, Intent state, String key) {
        if (state.hasExtra(key)) {
            readings.put(channel, (long) state.getIntExtra(key, 0));
        }
    }
}
