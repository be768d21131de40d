"""A Joulescope: a power meter on USB, through its maker's own driver package.

``pyjoulescope_driver`` (Apache-2.0) finds the instruments and tells the statistics that they make
themselves, by topics: ``u/js220/002401/s/stats/value``. One instrument is one device's for one
trial; the driver is one for the whole process, because its log and its USB thread are.
"""

from __future__ import annotations

import atexit
import math
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from harness.channels import METER_POWER
from harness.clock import Clock, on_monotonic
from harness.device import Reading
from harness.record import ChannelRecord

#: Topics and values that make each model tell its mean power twice a second, and where.
_AUTO_HALF_SECONDS: dict[str, str | int] = {
    "/s/i/range/mode": "auto",
    "/s/stats/scnt": 500_000,  # of a million samples a second
    "/s/stats/ctrl": 1,
}
_MODELS: dict[str, tuple[dict[str, str | int], str]] = {
    "js110": ({"/s/i/range/select": "auto"}, "/s/sstats/value"),
    "js220": (_AUTO_HALF_SECONDS, "/s/stats/value"),
    "js320": (_AUTO_HALF_SECONDS, "/s/stats/value"),
}
_REMOVED = "@/!remove"
#: The driver's times count 2^-30 s since the begin of 2018 (its module ``time64``).
_EPOCH_S, _TICKS_PER_S = 1_514_764_800, 2**30
#: What the driver raises: TimeoutError is an OSError.
_DRIVER_ERRORS = (RuntimeError, OSError)

_lock = threading.Lock()


class JoulescopeMeter:
    """Reads the power that an instrument averages over each half second.

    A reading stands at the begin of its half second. The driver relates the instrument's clock to
    the host's wall clock; that is moved to the monotonic clock when it is read. Half seconds that
    began before the meter was opened are not read.
    """

    def __init__(self, serial: str, clock: Clock) -> None:
        self._clock = clock
        self._opened_ns = clock.monotonic_ns()
        self._told: deque[tuple[float, float]] = deque()
        self._driver: Any = None
        self._path = ""
        # The driver wants the very same objects back when they are unsubscribed.
        self._callbacks: dict[str, Any] = {}
        self._source = f"Joulescope {serial}"
        self._unavailable = self._open(serial)

    @property
    def channel(self) -> ChannelRecord:
        """The meter's channel, with the reason if it cannot be read, or not any more."""
        return ChannelRecord(METER_POWER, "W", "host", self._source, self._unavailable)

    def read(self) -> list[Reading]:
        """Half seconds that ended since the last call."""
        moment_ns = on_monotonic(self._clock)
        found = []
        while self._told:
            at_s, watts = self._told.popleft()
            at_ns = moment_ns(at_s)
            if at_ns >= self._opened_ns and math.isfinite(watts):
                found.append(Reading(METER_POWER, at_ns, watts))
        return found

    def close(self) -> None:
        """Leave the instrument to the next one; may be called again."""
        for topic, callback in self._callbacks.items():
            with suppress(*_DRIVER_ERRORS):
                self._driver.unsubscribe(topic, callback)
        self._callbacks = {}
        if self._path:
            with suppress(*_DRIVER_ERRORS):
                self._driver.close(self._path)
            self._path = ""

    def _open(self, serial: str) -> str | None:
        """Open the instrument and have it tell; the reason where that cannot be."""
        try:
            self._driver = _shared_driver()
            path = _chosen([str(one) for one in self._driver.device_paths()], serial)
            self._source = f"Joulescope {_short(path)}"
            self._driver.open(path)
            self._path = path
            self._begin()
        except ImportError as error:
            return f"{error}; install it with pip install 'benchfarm[meter]'"
        except LookupError as none:
            return str(none.args[0])
        except _DRIVER_ERRORS as error:
            self.close()
            said = " ".join(str(error).split())
            return f"{self._source}: {said}; close other programs that use it, plug it in again"
        return None

    def _begin(self) -> None:
        settings, value = _MODELS[_model(self._path)]
        for topic, callback in ((_REMOVED, self._on_removed), (self._path + value, self._on_value)):
            self._callbacks[topic] = callback
            self._driver.subscribe(topic, "pub", callback)
        for topic, setting in settings.items():
            self._driver.publish(self._path + topic, setting)

    # Both are called by the driver's thread.

    def _on_value(self, _topic: str, value: Any) -> None:
        at_s = _EPOCH_S + value["time"]["utc"]["value"][0] / _TICKS_PER_S
        self._told.append((at_s, float(value["signals"]["power"]["avg"]["value"])))

    def _on_removed(self, _topic: str, path: str) -> None:
        if path == self._path:
            self._unavailable = f"{self._source} was unplugged during the trial"


def _shared_driver() -> Any:
    with _lock:
        return _driver()


@cache
def _driver() -> Any:
    from pyjoulescope_driver import Driver

    driver = Driver()
    atexit.register(driver.finalize)
    return driver


def _chosen(paths: Sequence[str], serial: str) -> str:
    """The instrument's path. Raises LookupError with what to do where there is no single one."""
    known = [path for path in paths if _model(path) in _MODELS]  # updaters are u/&js220/...
    names = ", ".join(_short(path) for path in known)
    if not known:
        raise LookupError(
            "no Joulescope is attached, or its USB device may not be opened: on Linux its maker's "
            "udev rules allow that"
        )
    if serial == "any":
        if len(known) > 1:
            raise LookupError(f"several Joulescopes are attached ({names}); name one in the lab")
        return known[0]
    for path in known:
        if path.rpartition("/")[2].lower() == serial.lower():
            return path
    raise LookupError(f"no Joulescope {serial} is attached; there is {names}")


def _model(path: str) -> str:
    """``js220`` of ``u/js220/002401``."""
    parts = path.split("/")
    return parts[1] if len(parts) == 3 else ""


def _short(path: str) -> str:
    return path.partition("/")[2]
