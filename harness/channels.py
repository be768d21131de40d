"""Names of telemetry channels, the same on every platform.

A name ends in its unit. ``<...>`` in the table stands for a sensor, a rail or a frequency domain;
the helpers below make such names. ``device`` is whatever the trial runs on, ``host`` the machine
that conducts it, which for the local device is the same one.

===============================  ========  =======================================================
``runner.rss_bytes``             bytes     resident memory of the runner
``runner.rss_peak_bytes``        bytes     the most that was ever resident
``runner.pss_bytes``             bytes     resident memory, shared pages divided; memory pass only
``runner.available_bytes``       bytes     what it may still take before the system ends it (iOS)
``runner.cpu_percent``           percent   processor time of the runner; 100 % is one core
``device.foreign_cpu_percent``   percent   processor time of everybody else on the device
``device.steal_percent``         percent   the part of it that a hypervisor gave to others
``device.screen_on``             0 or 1    the display is lit
``device.low_power_mode``        0 or 1    the system saves power: its clocks are lowered (iOS)
``device.brightness_percent``    percent   brightness of the display
``device.covered``               0 or 1    something other than the runner is in the foreground
``runner.behind``                0 or 1    its process, once in front, no longer ranks as that
``thermal.status``               level     0 none, 1 light, 2 moderate, 3 severe, 4 critical,
                                           5 emergency, 6 shutdown (Android's scale; iOS nominal 0,
                                           fair 1, serious 3, critical 4)
``temperature.<sensor>_c``       degC      ``skin``, ``battery`` and zones by type
``cpu.frequency_khz.<domain>``   kHz       current frequency of a domain
``cpu.frequency_max_khz.<domain>`` kHz     what the domain may reach now: lowered by throttling
``gpu.frequency_khz``            kHz       clock of the graphics processor
``gpu.busy_percent``             percent   its load
``battery.percent``              percent   charge
``battery.current_a``            A         positive into the battery, once sign and unit are proven
``battery.voltage_v``            V
``battery.charge_ah``            Ah        the gauge's charge counter
``battery.plugged``              0 or 1    a charger or USB power is connected
``power.battery_w``              W         into the battery when positive
``power.<domain>_w``             W         mean since the last reading (RAPL)
``power.meter_w``                W         an external meter, on the host's clock
``energy.<rail>_j``              J         a rail's counter: only differences mean anything
``lab.ambient_c``                degC      the room
``host.busy_percent``            percent   load of the lab machine; 100 % is one core
``host.neighbour_trials``        trials    trials running on other devices of the same host
===============================  ========  =======================================================
"""

from __future__ import annotations

RSS = "runner.rss_bytes"
RSS_PEAK = "runner.rss_peak_bytes"
PSS = "runner.pss_bytes"
AVAILABLE = "runner.available_bytes"
RUNNER_CPU = "runner.cpu_percent"
FOREIGN_CPU = "device.foreign_cpu_percent"
STEAL = "device.steal_percent"
SCREEN_ON = "device.screen_on"
LOW_POWER = "device.low_power_mode"
BRIGHTNESS = "device.brightness_percent"
COVERED = "device.covered"
BEHIND = "runner.behind"
THERMAL_STATUS = "thermal.status"
SKIN_TEMPERATURE = "temperature.skin_c"
BATTERY_TEMPERATURE = "temperature.battery_c"
GPU_FREQUENCY = "gpu.frequency_khz"
GPU_BUSY = "gpu.busy_percent"
BATTERY_PERCENT = "battery.percent"
BATTERY_CURRENT = "battery.current_a"
BATTERY_VOLTAGE = "battery.voltage_v"
BATTERY_CHARGE = "battery.charge_ah"
BATTERY_PLUGGED = "battery.plugged"
BATTERY_POWER = "power.battery_w"
#: How the source of a channel ends that is only asked while nothing is timed.
SELDOM = "outside timed regions"
METER_POWER = "power.meter_w"
SYSTEM_LOAD = "power.system_load_w"  #: mean since the reading before, as the phone adds it up
AMBIENT_TEMPERATURE = "lab.ambient_c"
HOST_BUSY = "host.busy_percent"
NEIGHBOUR_TRIALS = "host.neighbour_trials"

#: Values of a device's state that are no channels: nanoseconds of a fixed small piece of processor
#: work, and on which core it was done where that is not always the same one.
CANARY = "canary_ns"
CANARY_CORE = "canary_core"


def temperature(sensor: str) -> str:
    """The channel of one temperature sensor."""
    return f"temperature.{sensor}_c"


def frequency(domain: str) -> str:
    """The channel of a domain's current frequency."""
    return f"cpu.frequency_khz.{domain}"


def frequency_max(domain: str) -> str:
    """The channel of the frequency that a domain may reach now."""
    return f"cpu.frequency_max_khz.{domain}"


def power(domain: str) -> str:
    """The channel of a power meter's domain."""
    return f"power.{domain}_w"


def energy(rail: str) -> str:
    """The channel of a rail's energy counter."""
    return f"energy.{rail}_j"
