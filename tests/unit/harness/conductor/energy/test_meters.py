"""External meters end to end: beside a simulated phone under the real conductor."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.channels import METER_POWER
from harness.conditions import Joulescope, MeterFile
from harness.record import Outcome
from harness.scenario import LabDevice
from harness.units import NS_PER_S
from phones.joulescope import FakeDriver, installed

PATH = "u/js220/002401"


def test_an_external_meter_comes_before_a_charged_battery(conducted, phone, tmp_path) -> None:
    log = tmp_path / "meter.csv"
    log.write_text("time,power\n0,1\n")
    lab = LabDevice("local", meter=MeterFile(log, unit="mW"))
    noise = np.random.default_rng(3)

    def telemetry(clock, script):
        inner = phone(plugged=True)(clock, script)
        poll = inner.poll

        def with_meter(*, final: bool = False):
            now = clock.monotonic_ns()
            busy = any(start <= now - 10**8 < end for start, end in script.busy_ns)
            milliwatts = (3000.0 if busy else 1000.0) + noise.normal(0, 5)
            with log.open("a") as file:
                file.write(f"{clock.now().isoformat()},{milliwatts:.1f}\n")
            return poll(final=final)

        inner.poll = with_meter
        return inner

    record = conducted(telemetry, lab=lab)
    assert record.energy is not None
    assert (record.energy.source, record.energy.channels) == ("meter", (METER_POWER,))
    assert record.metrics["energy_net_j"] == pytest.approx(2.0 * 0.05, rel=0.03)
    assert any(item.name == METER_POWER and item.clock == "host" for item in record.channels)


@pytest.fixture
def metered(phone) -> Callable[..., Callable[..., object]]:
    """Telemetry of a charged phone beside which ``driver``'s instrument tells its half seconds."""

    def make(driver: FakeDriver, unplugged_at_s: float = math.inf):
        noise = np.random.default_rng(3)

        def telemetry(clock, script):
            inner = phone(plugged=True)(clock, script)
            poll, start_s, told = inner.poll, clock.now().timestamp(), 0

            def with_meter(*, final: bool = False):
                nonlocal told
                now_s = clock.monotonic_ns() / NS_PER_S
                while (told + 1) / 2 <= now_s:
                    middle_ns = (told / 2 + 0.25) * NS_PER_S
                    busy = any(begin <= middle_ns < end for begin, end in script.busy_ns)
                    driver.tell(PATH, start_s + told / 2, 1.0 + 2 * busy + noise.normal(0, 0.005))
                    told += 1
                if now_s >= unplugged_at_s and driver.device_paths():
                    driver.unplug(PATH)
                return poll(final=final)

            inner.poll = with_meter
            return inner

        return telemetry

    return make


def test_a_joulescope_gives_the_same_record_as_a_meters_file(conducted, metered) -> None:
    lab = LabDevice("local", meter=Joulescope("any"))
    with installed(FakeDriver(PATH)) as driver:
        record = conducted(metered(driver), lab=lab)
    assert record.energy is not None
    assert (record.energy.source, record.energy.channels) == ("meter", (METER_POWER,))
    assert record.energy.period_s == pytest.approx(0.5, abs=0.01)
    assert record.metrics["energy_net_j"] == pytest.approx(2.0 * 0.05, rel=0.03)
    (channel,) = (item for item in record.channels if item.name == METER_POWER)
    assert (channel.source, channel.unavailable) == ("Joulescope js220/002401", None)


def test_a_joulescope_that_is_unplugged_refuses_with_that_reason(conducted, metered) -> None:
    lab = LabDevice("local", meter=Joulescope("002401"))
    with installed(FakeDriver(PATH)) as driver:
        record = conducted(metered(driver, unplugged_at_s=150), lab=lab)
    assert record.outcome is Outcome.OK
    assert record.energy is not None
    gone = "AWAY: Joulescope js220/002401 was unplugged during the trial"
    assert record.energy.refused["meter"] == gone
    (refusal,) = (item for item in record.findings if item.id == "ENERGY-REFUSED")
    assert gone in refusal.seen
    assert "energy_net_j" not in record.metrics


def test_a_meter_that_is_not_there_is_told_beside_the_source_that_is(conducted, phone) -> None:
    lab = LabDevice("local", meter=Joulescope("any"))
    with installed(FakeDriver()):
        record = conducted(phone(), lab=lab)
    assert record.energy is not None
    assert record.energy.source == "battery"
    assert record.energy.refused["meter"].startswith("AWAY: no Joulescope is attached")
