"""A simulated Joulescope driver: the calls of ``pyjoulescope_driver.Driver`` that benchfarm makes.

Whatever its user may not do (an unknown topic, a callback that was never subscribed, an instrument
opened twice or left open) fails the test; what the real driver refuses is a RuntimeError here, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from harness.conductor import joulescope

Callback = Callable[[str, Any], None]

_SETTINGS: dict[str, dict[str, str | int]] = {
    "js110": {"/s/i/range/select": "auto"},
    "js220": {"/s/i/range/mode": "auto", "/s/stats/scnt": 500_000, "/s/stats/ctrl": 1},
    "js320": {"/s/i/range/mode": "auto", "/s/stats/scnt": 500_000, "/s/stats/ctrl": 1},
}
_VALUE = {"js110": "/s/sstats/value", "js220": "/s/stats/value", "js320": "/s/stats/value"}
_REMOVED = "@/!remove"


class FakeDriver:
    """Instruments at ``paths``, such as ``u/js220/002401``; ``held`` are open elsewhere."""

    def __init__(self, *paths: str, held: tuple[str, ...] = ()) -> None:
        self._paths, self._held = list(paths), held
        self._open: dict[str, dict[str, str | int]] = {}
        self._callbacks: list[tuple[str, Callback]] = []

    # --- the driver's own calls ---------------------------------------------------------------

    def device_paths(self) -> list[str]:
        """What is attached."""
        return list(self._paths)

    def open(self, device_prefix: str) -> None:
        """For one user at a time."""
        assert device_prefix not in self._open, f"{device_prefix} is opened twice"
        if device_prefix not in self._paths or device_prefix in self._held:
            raise RuntimeError(
                f"jsdrv_open failed 18 IN_USE | Resource is in use | {device_prefix}"
            )
        self._open[device_prefix] = {}

    def close(self, device_prefix: str) -> None:
        """Let another one have it."""
        if device_prefix not in self._paths:
            raise RuntimeError("jsdrv_close failed 6 NOT_FOUND")
        del self._open[device_prefix]

    def publish(self, topic: str, value: str | int) -> None:
        """Change a setting of an open instrument."""
        path = next(path for path in self._open if topic.startswith(path))
        name = topic.removeprefix(path)
        assert _SETTINGS[path.split("/")[1]][name] == value, f"{topic} cannot be {value!r}"
        self._open[path][name] = value

    def subscribe(self, topic: str, flags: str, fn: Callback) -> None:
        """Only values that are published from now on."""
        values = [path + _VALUE[path.split("/")[1]] for path in self._open]
        assert topic in (_REMOVED, *values), f"nothing is published to {topic}"
        assert flags == "pub"
        self._callbacks.append((topic, fn))

    def unsubscribe(self, topic: str, fn: Callback) -> None:
        """The same object is wanted, because the driver compares addresses."""
        index = next(
            i for i, known in enumerate(self._callbacks) if known[0] == topic and known[1] is fn
        )
        del self._callbacks[index]

    def finalize(self) -> None:
        """The process ends."""

    # --- what happens to the instruments ------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nobody has opened or subscribed to anything."""
        return not self._open and not self._callbacks

    def tell(self, path: str, begin_s: float, watts: float) -> None:
        """The mean power of the half second from ``begin_s`` on, seconds since 1970."""
        model = path.split("/")[1]
        if path not in self._paths:
            return
        assert self._open[path] == _SETTINGS[model], f"{path} was not told to measure"
        begin, end = (int((at_s - 1_514_764_800) * 2**30) for at_s in (begin_s, begin_s + 0.5))
        topic = path + _VALUE[model]
        self._publish(
            topic,
            {
                "time": {"utc": {"value": [begin, end], "units": "time64"}},
                "signals": {"power": {"avg": {"value": watts, "units": "W"}}},
            },
        )

    def unplug(self, path: str) -> None:
        """Pull its cable."""
        self._paths.remove(path)
        self._open.pop(path, None)
        self._publish(_REMOVED, path)

    def _publish(self, topic: str, value: object) -> None:
        for wanted, callback in self._callbacks:
            if wanted == topic:
                callback(topic, value)


@contextmanager
def installed(driver: FakeDriver) -> Iterator[FakeDriver]:
    """Makes it the driver of this process; it must have been left alone at the end."""
    package = SimpleNamespace(Driver=lambda: driver)
    with patch.dict(sys.modules, {"pyjoulescope_driver": package}):
        joulescope._driver.cache_clear()
        try:
            yield driver
        finally:
            joulescope._driver.cache_clear()
    assert driver.idle, "an instrument was left open"
