"""An external power meter beside the device's own telemetry, from a growing CSV file or on USB."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, Protocol

from harness.channels import METER_POWER
from harness.clock import Clock, on_monotonic
from harness.conditions import Joulescope, MeterFile
from harness.conductor.joulescope import JoulescopeMeter
from harness.device import Reading, Runner, Telemetry
from harness.record import ChannelRecord

_WATTS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6}
#: A line that has not ended by then is none.
_LONGEST_LINE = 10_000


class PowerMeter(Protocol):
    """Watts of a whole device, on the channel ``power.meter_w``."""

    @property
    def channel(self) -> ChannelRecord:
        """The meter's channel, with the reason if it cannot be read, or not any more."""

    def read(self) -> list[Reading]:
        """What came since the last call, on the host's monotonic clock."""

    def close(self) -> None:
        """Let go of the meter."""


def open_meter(meter: MeterFile | Joulescope, clock: Clock) -> PowerMeter:
    """The meter that the lab names."""
    if isinstance(meter, Joulescope):
        return JoulescopeMeter(meter.serial, clock)
    return CsvMeter(meter, clock)


class CsvMeter:
    """Reads what a meter's program appends. Lines that are none are left out.

    Times in the file are the host's wall clock; they are moved to its monotonic clock when they are
    read. Rows from before the meter was opened are not read.
    """

    def __init__(self, meter: MeterFile, clock: Clock) -> None:
        self._meter, self._clock = meter, clock
        self._file: BinaryIO | None = None
        self._place: tuple[int, int] = (0, 0)
        self._rest = b""
        self._unavailable = self._open(at_end=True)

    @property
    def channel(self) -> ChannelRecord:
        """The meter's channel, with the reason if it cannot be read."""
        source = f"{self._meter.csv}: {self._meter.power}"
        return ChannelRecord(METER_POWER, "W", "host", source, self._unavailable)

    def read(self) -> list[Reading]:
        """Rows since the last call; none while the file is away or broken."""
        if self._file is None:
            return []
        found: list[Reading] = []
        with suppress(OSError):
            if self._replaced():
                self._open(at_end=False)
            if self._file is not None:
                found = list(self._rows(self._file.read()))
        return found

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, *, at_end: bool) -> str | None:
        """Open the file and find the columns; the reason where that cannot be."""
        self.close()
        self._rest = b""
        try:
            file = self._meter.csv.open("rb")
            header = _fields(file.readline(_LONGEST_LINE))
            try:
                self._place = header.index(self._meter.time), header.index(self._meter.power)
            except ValueError:
                file.close()
                wanted = f"{self._meter.time!r} and {self._meter.power!r}"
                return f"its first line names {', '.join(header) or 'nothing'}, not {wanted}"
            if at_end:
                file.seek(0, os.SEEK_END)
        except OSError as error:
            return error.strerror or str(error)
        self._file = file
        return None

    def _replaced(self) -> bool:
        """Whether the path is another file now, or the file was cut."""
        if self._file is None:
            return False
        ours, now = os.fstat(self._file.fileno()), self._meter.csv.stat()
        return ours.st_ino != now.st_ino or now.st_size < self._file.tell()

    def _rows(self, data: bytes) -> Iterator[Reading]:
        """Whole lines as readings; a last one without its end waits for the rest."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[-_LONGEST_LINE:]
        moment_ns = on_monotonic(self._clock)
        for line in lines:
            fields = _fields(line)
            if len(fields) <= max(self._place):
                continue
            at_s, power = _seconds(fields[self._place[0]]), _number(fields[self._place[1]])
            if at_s is None or power is None:
                continue
            yield Reading(METER_POWER, moment_ns(at_s), power * _WATTS[self._meter.unit])


class MeteredTelemetry:
    """A device's telemetry with its external meter as one more channel."""

    def __init__(self, inner: Telemetry, meter: PowerMeter) -> None:
        self._inner, self._meter = inner, meter

    def channels(self) -> Sequence[ChannelRecord]:
        """The device's channels and the meter's."""
        return (*self._inner.channels(), self._meter.channel)

    def attach(self, runner: Runner) -> None:
        """Passed on."""
        self._inner.attach(runner)

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """The device's readings and the meter's."""
        return [*self._inner.poll(final=final), *self._meter.read()]

    def close(self) -> None:
        """Stop reading both."""
        self._meter.close()
        self._inner.close()


def _fields(line: bytes) -> list[str]:
    text = line.decode("utf-8-sig", "replace")
    with suppress(csv.Error):
        return [field.strip() for row in csv.reader([text]) for field in row]
    return []


def _number(text: str) -> float | None:
    """A finite number."""
    with suppress(ValueError, OverflowError):
        value = float(text)
        if abs(value) < 1e18:  # no time or power is larger; nan and infinities are not below
            return value
    return None


def _seconds(text: str) -> float | None:
    """Seconds since 1970; ISO 8601 without a zone is taken for UTC."""
    number = _number(text)
    if number is not None:
        return number
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
