"""A picture of what came before the runner, taken when it is first noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from harness.channels import BEHIND, COVERED
from harness.clock import CancelToken, Clock, Deadline
from harness.device import Device, HasScreen, Reading, Runner, Telemetry
from harness.errors import DeviceError
from harness.record import ChannelRecord

_SHOT_S = 10.0


def watched(
    telemetry: Telemetry, device: Device, clock: Clock, keep: Callable[[bytes], None]
) -> Telemetry:
    """``telemetry``, with a picture kept where the device has a screen to show."""
    if not isinstance(device, HasScreen):
        return telemetry
    return WatchedScreen(telemetry, device, clock, keep)


class WatchedScreen:
    """A device's telemetry; its first reading of a covered runner has the screen kept.

    The picture takes the phone a moment in the middle of a block, which is no loss: that block is
    disturbed already and will be measured again.
    """

    def __init__(
        self, inner: Telemetry, device: HasScreen, clock: Clock, keep: Callable[[bytes], None]
    ) -> None:
        self._inner, self._device, self._clock, self._keep = inner, device, clock, keep
        self._kept = False

    def channels(self) -> Sequence[ChannelRecord]:
        """The device's."""
        return self._inner.channels()

    def attach(self, runner: Runner) -> None:
        """Passed on to the device's."""
        self._inner.attach(runner)

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """The device's readings."""
        readings = self._inner.poll(final=final)
        covered = any(one.channel in (COVERED, BEHIND) and one.value > 0 for one in readings)
        if covered and not self._kept:
            self._kept = True
            with suppress(DeviceError):
                picture = self._device.screenshot(Deadline(self._clock, _SHOT_S), CancelToken())
                if picture is not None:
                    self._keep(picture)
        return readings

    def close(self) -> None:
        """Stop reading."""
        self._inner.close()
