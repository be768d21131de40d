"""What is read around a device: the room, and the machine that conducts the trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.device import Reading, Runner, Telemetry
from harness.record import ChannelRecord


class Around(Protocol):
    """Readings that do not come from the device itself, during one trial."""

    def channels(self) -> Sequence[ChannelRecord]:
        """What is read, and what cannot be read with the reason; all on the host's clock."""

    def read(self) -> Sequence[Reading]:
        """What is due now."""

    def close(self) -> None:
        """The trial is over."""


class Surroundings(Protocol):
    """Where trials get their :class:`Around` from; shared by all devices of a run."""

    def open(self, device_id: str, rate_hz: float) -> Around:
        """For a trial on ``device_id`` that begins now."""


class AccompaniedTelemetry:
    """A device's telemetry and what is read around it."""

    def __init__(self, inner: Telemetry, around: Around) -> None:
        self._inner, self._around = inner, around

    def channels(self) -> Sequence[ChannelRecord]:
        """Both channels."""
        return (*self._inner.channels(), *self._around.channels())

    def attach(self, runner: Runner) -> None:
        """Passed on to the device's."""
        self._inner.attach(runner)

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """Both readings."""
        return [*self._inner.poll(final=final), *self._around.read()]

    def close(self) -> None:
        """Stop reading both."""
        self._around.close()
        self._inner.close()
