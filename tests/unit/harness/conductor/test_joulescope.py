"""A Joulescope by its driver: what is asked of it, what it tells, and how it can be missing."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness.channels import METER_POWER
from harness.clock import ManualClock
from harness.conditions import Joulescope
from harness.conductor import joulescope
from harness.conductor.joulescope import JoulescopeMeter
from harness.conductor.meter import open_meter
from harness.units import NS_PER_S
from phones.joulescope import FakeDriver, installed

Attached = Callable[..., FakeDriver]
PATH = "u/js220/002401"


@pytest.fixture
def attached() -> Iterator[Attached]:
    """Instruments at the given paths, through a simulated driver package."""
    with ExitStack() as stack:

        def attach(*paths: str, held: tuple[str, ...] = ()) -> FakeDriver:
            return stack.enter_context(installed(FakeDriver(*paths, held=held)))

        yield attach


def rows(meter: JoulescopeMeter) -> list[tuple[float, float]]:
    return [(one.at_ns / NS_PER_S, one.value) for one in meter.read()]


@pytest.mark.parametrize("path", [PATH, "u/js110/000415", "u/js320/8W2A"])
def test_half_seconds_come_on_the_hosts_monotonic_clock(attached, path) -> None:
    driver, clock = attached(path, "u/&js220/000001"), ManualClock()
    meter = open_meter(Joulescope("any"), clock)
    assert isinstance(meter, JoulescopeMeter)
    channel = meter.channel
    assert (channel.name, channel.unit, channel.clock) == (METER_POWER, "W", "host")
    assert (channel.source, channel.unavailable) == (f"Joulescope {path[2:]}", None)
    start_s = clock.now().timestamp()
    driver.tell(path, start_s - 0.2, 9.0)  # began before the trial
    clock.advance(10 * NS_PER_S)
    driver.tell(path, start_s + 8, 1.5)
    driver.tell(path, start_s + 8.5, math.nan)
    driver.tell(path, start_s + 9, 1.75)
    assert rows(meter) == [(pytest.approx(8, abs=1e-6), 1.5), (pytest.approx(9, abs=1e-6), 1.75)]
    assert rows(meter) == []
    meter.close()
    meter.close()


def test_each_trial_opens_the_instrument_that_its_lab_names(attached) -> None:
    driver, clock = attached(PATH, "u/js320/8W2A"), ManualClock()
    one, other = JoulescopeMeter("002401", clock), JoulescopeMeter("8w2a", clock)
    assert other.channel.source == "Joulescope js320/8W2A"
    driver.unplug(PATH)
    assert one.channel.unavailable == "Joulescope js220/002401 was unplugged during the trial"
    assert other.channel.unavailable is None
    one.close()
    other.close()
    again = JoulescopeMeter("any", clock)
    assert again.channel.source == "Joulescope js320/8W2A"
    again.close()


@pytest.mark.parametrize(
    ("paths", "serial", "reason"),
    [
        ((), "any", "no Joulescope is attached"),
        (("u/&js220/002401", "odd"), "any", "no Joulescope is attached"),
        ((PATH, "u/js110/1"), "any", "several Joulescopes are attached (js220/002401, js110/1)"),
        ((PATH,), "002402", "no Joulescope 002402 is attached; there is js220/002401"),
    ],
)
def test_what_cannot_be_chosen_has_a_reason(attached, paths, serial, reason) -> None:
    attached(*paths)
    meter = JoulescopeMeter(serial, ManualClock())
    assert str(meter.channel.unavailable).startswith(reason)
    assert meter.read() == []
    meter.close()


def test_one_that_another_program_holds_says_so(attached) -> None:
    attached(PATH, held=(PATH,))
    meter = JoulescopeMeter("any", ManualClock())
    reason = str(meter.channel.unavailable)
    assert reason.startswith("Joulescope js220/002401: jsdrv_open failed 18 IN_USE")
    assert "close other programs" in reason
    meter.close()


def test_a_missing_package_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyjoulescope_driver", None)
    joulescope._driver.cache_clear()
    meter = JoulescopeMeter("any", ManualClock())
    assert "pip install 'benchfarm[meter]'" in str(meter.channel.unavailable)
    meter.close()


class TestTheRealPackage:
    """What the simulated driver promises of it; skipped where it is not installed."""

    @pytest.fixture
    def package(self):
        return pytest.importorskip("pyjoulescope_driver", reason="the extra 'meter' is not there")

    def test_it_has_the_calls_that_are_made(self, package) -> None:
        def ignored(_topic: str, _value: object) -> None: ...

        calls = {
            "device_paths": (),
            "open": (PATH,),
            "close": (PATH,),
            "publish": (f"{PATH}/s/stats/ctrl", 1),
            "subscribe": ("@/!remove", "pub", ignored),
            "unsubscribe": ("@/!remove", ignored),
            "finalize": (),
        }
        for name, arguments in calls.items():
            real = inspect.signature(getattr(package.Driver, name))
            real.bind(package.Driver, *arguments)
            if name != "finalize":
                inspect.signature(getattr(FakeDriver, name)).bind(None, *arguments)

    def test_its_times_begin_in_2018(self, package) -> None:
        from pyjoulescope_driver import time64

        assert (time64.EPOCH, time64.SECOND) == (joulescope._EPOCH_S, joulescope._TICKS_PER_S)

    def test_without_an_instrument_it_gives_a_reason(self, package) -> None:
        """In a process of its own: the driver's threads live as long as their process."""
        script = (
            "from harness.clock import SystemClock\n"
            "from harness.conductor.joulescope import JoulescopeMeter\n"
            "meter = JoulescopeMeter('no such serial number', SystemClock())\n"
            "print(meter.channel.unavailable, meter.read())\n"
            "meter.close()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Joulescope" in done.stdout
        assert done.stdout.endswith(" []\n")
