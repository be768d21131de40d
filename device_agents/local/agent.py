"""Finds the one local device there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from device_agents.local.device import DEVICE_ID, LocalDevice, default_home
from device_agents.local.facts import host_name
from device_agents.local.files import HostFiles
from harness.clock import CancelToken, Clock, Deadline, SystemClock
from harness.device import Sighting
from harness.errors import DeviceUnavailable


class LocalAgent:
    """Implements :class:`harness.device.Agent` for the machine this program runs on."""

    platform = "local"

    def __init__(
        self, clock: Clock | None = None, home: Path | None = None, files: HostFiles | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._home = home or default_home()
        self._files = files or HostFiles()

    def discover(self, deadline: Deadline, cancel: CancelToken) -> Sequence[Sighting]:
        """The machine itself: always at hand."""
        cancel.raise_if_cancelled()
        return [Sighting(DEVICE_ID, self.platform, host_name(self._files))]

    def open(self, device_id: str) -> LocalDevice:
        """The machine itself; raises DeviceUnavailable for any other id."""
        if device_id != DEVICE_ID:
            raise DeviceUnavailable(
                device_id, f"there is one local device and its id is {DEVICE_ID!r}"
            )
        return LocalDevice(self._home, self._clock, self._files)
