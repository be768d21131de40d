"""Settings of a phone: how each one is read, made and put back.

The commands are those of Android's shell. Some makers hide them behind switches of the developer
options or accept them without effect, which is why each setting is read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from device_agents.android.shell import quote
from harness.scenario import Prepare

#: Plugged into mains (1), USB (2) or wireless (4).
_STAY_ON = "7"
_HALF_HOUR_MS = "1800000"
_BRIGHTEST = 255
_ANIMATIONS = ("window_animation_scale", "transition_animation_scale", "animator_duration_scale")
_REFRESH_RATES = ("peak_refresh_rate", "min_refresh_rate")


@dataclass(frozen=True, slots=True)
class Change:
    """One setting to make; ``good`` are the values that are right.

    It is read from a row ``key`` of a settings ``table``, or, without one, by a command.
    """

    name: str  #: the key of the scenario's ``prepare``, or what it belongs to
    table: str
    key: str
    make: str
    good: tuple[str, ...]
    undo: Callable[[str], str]  #: the command that puts a value back that was read before

    def is_made(self, value: str) -> bool:
        """Whether ``value`` is what was wanted; numbers compare as numbers."""
        return value in self.good or _number(value) in {_number(one) for one in self.good} - {None}


def changes(wanted: Prepare, package: str | None, *, networked: bool) -> Iterator[Change | str]:
    """The changes that ``wanted`` asks for, or the reasons why one is not made.

    ``package`` is the runner's, None where nothing is installed. With ``networked`` the phone is
    reached over the network, which therefore stays on.
    """
    if wanted.stay_awake is not False:
        yield _stored("stay_awake", "global", "stay_on_while_plugged_in", _STAY_ON)
        yield _stored("stay_awake", "system", "screen_off_timeout", _HALF_HOUR_MS)
    if not wanted.animations:
        for key in _ANIMATIONS:
            yield _stored("animations", "global", key, "0")
    if wanted.brightness_percent is not None:
        level = round(wanted.brightness_percent * _BRIGHTEST / 100)
        yield _stored("brightness_percent", "system", "screen_brightness_mode", "0")
        yield _stored("brightness_percent", "system", "screen_brightness", str(level))
    if wanted.refresh_hz is not None:
        for key in _REFRESH_RATES:
            yield _stored("refresh_hz", "system", key, f"{wanted.refresh_hz:.1f}")
    yield from _radios(wanted, networked=networked)
    if wanted.doze_exempt and package is None:
        yield "doze_exempt: no app is installed with start: app_process"
    elif wanted.doze_exempt and package is not None:
        yield _doze_exempt(package)


def _radios(wanted: Prepare, *, networked: bool) -> Iterator[Change | str]:
    if wanted.airplane is not None:
        if networked and wanted.airplane:
            yield "airplane: adb comes over the network, which airplane mode would end"
        else:
            yield _switch(
                "airplane", "airplane_mode_on", "cmd connectivity airplane-mode", wanted.airplane
            )
    if wanted.wifi is not None:
        if networked and not wanted.wifi:
            yield "wifi: adb comes over the network"
        else:
            yield _switch("wifi", "wifi_on", "svc wifi", wanted.wifi, on=("1", "2"), off=("0", "3"))
    if wanted.bluetooth is not None:
        yield _switch("bluetooth", "bluetooth_on", "svc bluetooth", wanted.bluetooth)


def _stored(name: str, table: str, key: str, value: str) -> Change:
    """A row of the settings database."""

    def undo(old: str) -> str:
        if old in ("", "null"):
            return f"settings delete {table} {key}"
        return f"settings put {table} {key} {quote(old)}"

    return Change(name, table, key, f"settings put {table} {key} {value}", (value,), undo)


def _switch(
    name: str,
    key: str,
    command: str,
    want: bool,
    on: tuple[str, ...] = ("1",),
    off: tuple[str, ...] = ("0",),
) -> Change:
    """A radio that has a command of its own and tells its state in the global settings."""

    def undo(old: str) -> str:
        return f"{command} {'enable' if old in on else 'disable'}"

    return Change(
        name,
        "global",
        key,
        f"{command} {'enable' if want else 'disable'}",
        on if want else off,
        undo,
    )


def _doze_exempt(package: str) -> Change:
    listed = f"dumpsys deviceidle whitelist | grep -c {quote(package)}"

    def undo(old: str) -> str:
        sign = "-" if old == "0" else "+"
        return f"dumpsys deviceidle whitelist {sign}{package} >/dev/null"

    return Change(
        "doze_exempt",
        "",
        listed,
        f"dumpsys deviceidle whitelist +{package} >/dev/null",
        ("1", "2"),
        undo,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
