"""How warm the room is: a number somebody wrote down, a sensor's file, or a serial sensor."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from harness.conditions import Ambient
from harness.errors import UserError

#: Rooms beyond these have no lab in them; such a number is a fault of the sensor.
COLDEST_C, HOTTEST_C = -40.0, 60.0
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?")
_LONGEST = 4096


class Thermometer(Protocol):
    """Tells the room's temperature."""

    source: str
    unavailable: str | None

    def celsius(self) -> float | None:
        """Degrees Celsius now; None where it cannot be told just now."""

    def close(self) -> None:
        """Let go of the sensor."""


def thermometer(ambient: Ambient) -> Thermometer:
    """What ``ambient`` names."""
    if ambient.serial is not None:
        return SerialSensor(ambient.serial, ambient.baud, ambient.scale)
    if ambient.file is not None:
        return FileSensor(ambient.file, ambient.scale)
    if ambient.c is None:
        raise UserError("ambient needs one of c, file and serial")
    return WrittenDown(ambient.c)


class WrittenDown:
    """A value of the lab's own."""

    unavailable: str | None = None
    source = "the lab's own value"

    def __init__(self, celsius: float) -> None:
        self._celsius = celsius

    def celsius(self) -> float | None:
        """The value."""
        return self._celsius

    def close(self) -> None:
        """Nothing to let go of."""


class FileSensor:
    """A file that holds the temperature, as Linux' hwmon, IIO and 1-Wire drivers have it."""

    def __init__(self, path: Path, scale: float) -> None:
        self._path, self._scale = path, scale
        self.source = str(path)
        self.unavailable: str | None = None
        try:
            data = self._read()
        except OSError as error:
            self.unavailable = f"{path}: {error.strerror or error}"
            return
        if _celsius(data, scale) is None:
            self.unavailable = f"{path} holds no temperature of a room with scale {scale:g}"

    def celsius(self) -> float | None:
        """The first number of the file, scaled."""
        try:
            return _celsius(self._read(), self._scale)
        except OSError:
            return None

    def close(self) -> None:
        """Nothing is kept open."""

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(_LONGEST)


class SerialSensor:
    """A sensor that sends a line with the temperature now and then."""

    def __init__(self, port: str, baud: int, scale: float) -> None:
        self._scale, self._rest = scale, b""
        self._celsius: float | None = None
        self.source, self.unavailable = port, None
        self._descriptor: int | None = None
        try:
            self._descriptor = _open_serial(port, baud)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.unavailable = f"{port}: {reason or error}"

    unavailable: str | None

    def celsius(self) -> float | None:
        """The newest whole line's temperature; None before the first one, and once it is gone."""
        if self._descriptor is None:
            return None
        try:
            data = os.read(self._descriptor, _LONGEST)
        except BlockingIOError:
            return self._celsius
        except OSError:
            self.close()
            return None
        *lines, self._rest = (self._rest + data).splitlines(keepends=True) or [b""]
        if self._rest.endswith((b"\n", b"\r")):
            lines, self._rest = [*lines, self._rest], b""
        self._rest = self._rest[-_LONGEST:]
        for line in lines:
            value = _celsius(line, self._scale)
            self._celsius = self._celsius if value is None else value
        return self._celsius

    def close(self) -> None:
        """Close the port."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open_serial(port: str, baud: int) -> int:
    """A raw, non-blocking serial line. Raises OSError, and ValueError for an unknown speed."""
    import termios

    speed = getattr(termios, f"B{baud}", None)
    if speed is None:
        raise ValueError(f"no serial speed {baud}")
    descriptor = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        settings = termios.tcgetattr(descriptor)
        settings[0] = 0  # input as it comes
        settings[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        settings[3] = 0  # no lines, echoes or signals
        settings[4] = settings[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(*error.args) from error
    return descriptor


def _celsius(data: bytes, scale: float) -> float | None:
    """The first number, scaled; None where there is none or no room has it."""
    found = _NUMBER.search(data)
    if found is None:
        return None
    value = float(found.group()) * scale
    return value if COLDEST_C <= value <= HOTTEST_C else None
