"""Energy end to end: a simulated phone's gauge under the real conductor, on a manual clock."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.channels import BATTERY_CURRENT
from harness.clock import ManualClock
from harness.device import Reading
from harness.record import ChannelRecord, Outcome, TrialRecord
from harness.scenario import (
    Burst,
    Cold,
    EnergyRequest,
    LabDevice,
    Require,
    SingleStream,
    Sustained,
    Warmup,
)

TWO_MINUTES = SingleStream(Warmup(max_seconds=2.0), min_seconds=120.0, min_inferences=1)
ENERGY = EnergyRequest(idle_seconds=120.0)
FIGURES = {"energy_gross_j", "energy_net_j", "power_mean_w", "power_idle_w"}


def ids(record: TrialRecord) -> list[str]:
    return [item.id for item in record.findings]


def test_a_gauge_gives_gross_and_net_energy_with_its_circumstances(conducted, phone) -> None:
    record = conducted(phone(net_w=2.5))
    assert record.outcome is Outcome.OK
    metrics, energy = record.metrics, record.energy
    assert metrics.keys() >= FIGURES
    assert metrics["power_mean_w"] - metrics["power_idle_w"] == pytest.approx(2.5, rel=0.06)
    assert metrics["energy_net_j"] == pytest.approx(2.5 * 0.05, rel=0.06)
    assert metrics["energy_gross_j"] == pytest.approx(3.6 * 0.05, rel=0.06)
    assert energy is not None
    assert energy.source == "battery"
    assert energy.channels[0] == BATTERY_CURRENT
    assert energy.charging == "discharging"
    assert energy.period_s == pytest.approx(1.0, abs=0.2)
    assert "discharge is -" in energy.calibration
    assert energy.seconds == pytest.approx(120, abs=2)
    assert energy.gain == 0.05
    low, high = energy.intervals["energy_net_j"]
    assert low < metrics["energy_net_j"] < high
    assert energy.idle_error_j is not None
    names = [span.name for span in record.phases]
    assert names.count("IDLE") == 2
    assert names.index("IDLE") == names.index("LOAD") + 1
    idles = [span.ended_at_ns - span.started_at_ns for span in record.phases if span.name == "IDLE"]
    assert all(120e9 <= idle <= 122e9 for idle in idles)


@pytest.mark.parametrize("period_s", [1.0, 5.0])
def test_net_energy_is_within_3_percent_rms_over_whole_trials(conducted, phone, period_s) -> None:
    errors = [
        conducted(phone(seed=seed, net_w=4.0, period_s=period_s)).metrics["energy_net_j"]
        / (4.0 * 0.05)
        - 1
        for seed in range(6)
    ]
    assert math.sqrt(float(np.mean(np.square(errors)))) <= 0.03


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_unit_and_sign_are_found(conducted, phone, unit, sign) -> None:
    record = conducted(phone(unit=unit, sign=sign, net_w=4.0))
    assert record.metrics["energy_net_j"] == pytest.approx(4.0 * 0.05, rel=0.08)
    assert record.energy is not None
    assert f"1 unit is {unit:g} A" in record.energy.calibration


@pytest.mark.parametrize("plugged", [True, False, None])
@pytest.mark.parametrize("charger_w", [3.0, 10.0])
@pytest.mark.parametrize("limited", [True, False])
def test_a_gauge_on_a_charger_is_always_refused(
    conducted, phone, plugged, charger_w, limited
) -> None:
    record = conducted(phone(plugged=plugged, charger_w=charger_w, limited=limited))
    assert not FIGURES & record.metrics.keys()
    assert "ENERGY-REFUSED" in ids(record)
    assert record.outcome is Outcome.OK  # the latency stands
    assert record.energy is not None
    assert record.energy.source == ""
    assert list(record.energy.refused) == ["battery"]


def test_a_plugged_device_that_discharges_is_refused_unless_the_lab_has_cut_its_port(
    conducted, phone
) -> None:
    record = conducted(phone(plugged=True))
    assert record.energy is not None
    assert record.energy.charging == "charging"
    assert "CHARGING" in record.energy.refused["battery"]
    cut = LabDevice("local", usb_power="cut")
    assert conducted(phone(plugged=True), lab=cut).metrics.keys() >= FIGURES
    charged = conducted(phone(plugged=True, charger_w=5.0), lab=cut)
    assert not FIGURES & charged.metrics.keys()  # what the lab says does not replace the proof


def test_a_gauge_that_reports_once_a_minute_is_refused(conducted, phone) -> None:
    record = conducted(phone(every_s=60.0))
    assert not FIGURES & record.metrics.keys()
    assert "ENERGY-REFUSED" in ids(record)


@pytest.mark.parametrize("fault", ["sticks", "vanishes", "jumps", "nan"])
def test_a_gauge_that_breaks_in_the_middle_gives_no_number(conducted, phone, fault) -> None:
    healthy = phone(net_w=2.5)

    def telemetry(clock, script):
        inner = healthy(clock, script)
        began = clock.monotonic_ns()
        poll, held = inner.poll, []

        def broken(*, final: bool = False):
            readings = poll(final=final)
            if clock.monotonic_ns() - began < 180e9:
                held[:] = readings or held
                return readings
            if fault == "vanishes":
                return []
            if fault == "nan":
                return [Reading(one.channel, one.at_ns, math.nan) for one in readings]
            if fault == "jumps":
                factor = 1000 if int(clock.monotonic_ns() / 1e9) % 2 else 1
                return [Reading(one.channel, one.at_ns, one.value * factor) for one in readings]
            old = {one.channel: one.value for one in held}
            return [Reading(one.channel, one.at_ns, old[one.channel]) for one in readings]

        inner.poll = broken
        return inner

    record = conducted(telemetry)
    assert not FIGURES & record.metrics.keys()
    assert "ENERGY-REFUSED" in ids(record)


def test_a_short_load_is_refused_not_guessed(conducted, phone) -> None:
    record = conducted(phone(), load=Burst())
    assert not FIGURES & record.metrics.keys()
    assert record.energy is not None
    assert "TOO-FEW" in record.energy.refused["battery"]


def test_what_was_not_asked_for_costs_no_time_and_gives_nothing(conducted, phone) -> None:
    for load, energy in ((TWO_MINUTES, None), (Cold(), ENERGY)):
        record = conducted(phone(), load=load, energy=energy)
        assert record.energy is None
        assert "IDLE" not in [span.name for span in record.phases]
        assert not FIGURES & record.metrics.keys()


class Channels:
    """Telemetry of named power channels that are functions of the time the device worked."""

    def __init__(self, clock: ManualClock, script, values, unavailable=()) -> None:
        self._clock, self._script, self._values = clock, script, values
        self._unavailable, self._last = unavailable, 0

    def channels(self):
        found = [ChannelRecord(name, "J", "host", "made up") for name in self._values]
        return found + [ChannelRecord(*each) for each in self._unavailable]

    def attach(self, runner):
        pass

    def close(self):
        pass

    def poll(self, *, final=False):
        now = self._clock.monotonic_ns()
        busy = sum(max(0, min(end, now) - start) for start, end in self._script.busy_ns) / 1e9
        return [Reading(name, now, value(now / 1e9, busy)) for name, value in self._values.items()]


def test_rails_are_summed_and_no_charger_disturbs_them(conducted) -> None:
    values = {
        "energy.cpu_j": lambda at, busy: 0.4 * at + 1.5 * busy + 7e5,
        "energy.ddr_j": lambda at, busy: 0.6 * at + 0.5 * busy,
        "battery.plugged": lambda at, busy: 1.0,
    }
    record = conducted(lambda clock, script: Channels(clock, script, values))
    assert record.energy is not None
    assert (record.energy.source, record.energy.charging) == ("rails", "charging")
    assert record.energy.channels == ("energy.cpu_j", "energy.ddr_j")
    assert record.metrics["energy_net_j"] == pytest.approx(2.0 * 0.05, rel=0.01)
    assert record.metrics["energy_gross_j"] == pytest.approx(3.0 * 0.05, rel=0.01)


def test_rapl_means_are_put_back_together_without_double_counting(conducted) -> None:
    state = {}

    def mean(name, watts):
        def value(at, busy):
            before = state.get(name, (at - 1.0, busy))
            state[name] = at, busy
            taken = watts * (at - before[0]) + 4 * watts * (busy - before[1])
            return taken / max(1e-9, at - before[0])

        return value

    values = {
        "power.package-0_w": mean("package", 5.0),
        "power.package-0.core_w": mean("core", 3.0),
        "power.package-0.dram_w": mean("dram", 1.0),
    }
    record = conducted(lambda clock, script: Channels(clock, script, values))
    assert record.energy is not None
    assert record.energy.source == "rapl"
    assert record.energy.channels == ("power.package-0.dram_w", "power.package-0_w")
    assert record.metrics["power_idle_w"] == pytest.approx(6.0, rel=0.02)
    assert record.metrics["energy_net_j"] == pytest.approx(24.0 * 0.05, rel=0.02)


def test_a_source_that_is_not_there_says_so(conducted) -> None:
    gap = ("battery", "percent", "host", "/sys", "no battery here")
    record = conducted(lambda clock, script: Channels(clock, script, {}, [gap]))
    assert record.energy is not None
    assert record.energy.refused["auto"].startswith("the device has no source of power")
    assert "no battery here" in record.energy.refused["auto"]
    asked = conducted(
        lambda clock, script: Channels(clock, script, {}), energy=EnergyRequest("rails")
    )
    assert asked.energy is not None
    assert "no source 'rails'" in asked.energy.refused["rails"]


def test_a_refusal_can_make_a_trial_invalid(conducted, phone) -> None:
    strict = Require(absent=("ENERGY-REFUSED",))
    record = conducted(phone(plugged=True), require=strict)
    assert record.outcome is Outcome.INVALID
    assert "ENERGY-REFUSED" in str(record.reason)


def test_a_phone_whose_current_only_an_app_can_read(conducted, phone, script, scripted) -> None:
    """The runner's own readings, beside outside ones from moments when nothing is timed."""
    made = {}

    def telemetry(clock, script):
        made["phone"] = inner = phone(net_w=4.0, plugged=None)(clock, script)
        seldom = ("battery.plugged", "0 or 1", "host", "dumpsys battery, outside timed regions")
        first = [Reading("battery.plugged", clock.monotonic_ns(), 0.0)]
        outside = Channels(clock, script, {}, [])
        outside.channels = lambda: [ChannelRecord(*seldom)]
        outside.poll = lambda *, final=False: first and [first.pop()]
        made["poll"] = inner.poll
        return outside

    def app():
        found = {one.channel: one.value for one in made["poll"](final=True)}
        return {
            "self.rss_bytes": 5,
            "app.battery_current_raw": round(found["battery.current_a"]),
            "app.battery_voltage_mv": round(found["battery.voltage_v"] * 1e-3),
        }

    script.app = app
    record = conducted(telemetry)
    assert "telemetry" in scripted.calls.names
    assert record.energy is not None
    assert record.energy.refused == {}
    assert (record.energy.source, record.energy.charging) == ("battery", "discharging")
    assert record.metrics["energy_net_j"] == pytest.approx(4.0 * 0.05, rel=0.06)
    sources = {item.name: item.source for item in record.channels}
    assert sources["battery.current_a"] == "the runner's app.battery_current_raw"


def test_a_runner_is_not_asked_for_what_is_read_outside(conducted, phone, script, scripted) -> None:
    script.app = dict
    conducted(phone())
    assert "telemetry" not in scripted.calls.names


def test_the_charger_is_known_from_the_moments_around_the_trial(conducted, phone) -> None:
    def telemetry(clock, script):
        inner = phone(plugged=True)(clock, script)
        poll, began = inner.poll, clock.monotonic_ns()

        def seldom(*, final: bool = False):
            told = clock.monotonic_ns() - began < 1e9 or final
            return [one for one in poll(final=final) if told or one.channel != "battery.plugged"]

        inner.poll = seldom
        return inner

    record = conducted(telemetry)
    assert record.energy is not None
    assert record.energy.charging == "charging"
    assert "CHARGING" in record.energy.refused["battery"]


def test_a_sustained_load_tells_energy_of_both_regimes(conducted, phone, script) -> None:
    record = conducted(phone(net_w=4.0), load=Sustained(seconds=500.0))
    peak, late = record.metrics["energy_peak_j"], record.metrics["energy_late_j"]
    gross = record.metrics["energy_gross_j"]
    assert peak == pytest.approx(gross, rel=0.05)  # this phone does not throttle
    assert late == pytest.approx(gross, rel=0.05)
    short = conducted(phone(net_w=4.0), load=Sustained(seconds=200.0))
    assert "energy_gross_j" in short.metrics
    assert "energy_late_j" not in short.metrics


@pytest.mark.parametrize(
    ("factor", "counted", "unit", "seen"),
    [
        (1.0, 1.0, 1e-6, ""),
        (1.5, 1.0, 1e-6, ""),
        (4.0, 1.0, 1e-6, "times the current; the unit of one of them is another one"),
        (10.0, 1.0, 1e-7, "the current's unit 1e-07 A, its size alone 1e-06 A"),
        (1.0, 1e-3, 1e-6, "the unit of one of them is another one"),
    ],
)
def test_a_charge_counter_tells_the_unit(conducted, phone, factor, counted, unit, seen) -> None:
    """A gauge that counts in tenths of a milliampere looks plausible by itself.

    A counter that makes the phone draw next to nothing is wrong itself.
    """

    def telemetry(clock, script):
        inner = phone(net_w=2.5)(clock, script)
        poll, channels = inner.poll, inner.channels
        inner.channels = lambda: [
            *channels(),
            ChannelRecord("battery.charge_ah", "Ah", "host", "simulated"),
        ]

        def with_counter(*, final: bool = False):
            readings = poll(final=final)
            fallen = counted * round(inner.true_j / 3.85 / 3600, 3)
            at_ns = clock.monotonic_ns()
            spoilt = [
                Reading(one.channel, one.at_ns, one.value * factor)
                if one.channel == BATTERY_CURRENT
                else one
                for one in readings
            ]
            return [*spoilt, Reading("battery.charge_ah", at_ns, 4.0 - fallen)]

        inner.poll = with_counter
        return inner

    record = conducted(telemetry)
    assert f"1 unit is {unit:g} A" in record.energy.calibration
    plain = conducted(phone(net_w=2.5)).metrics["energy_net_j"]
    assert record.metrics["energy_net_j"] == pytest.approx(factor * unit / 1e-6 * plain, rel=0.02)
    told = "; ".join(item.seen for item in record.findings if item.id == "POWER-INTEGRITY")
    assert ("charge counter" in told) == bool(seen)
    assert seen in told
