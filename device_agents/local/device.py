"""The machine this program runs on, as a device like any other."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from device_agents.local import leftovers
from device_agents.local.facts import ENGINE_PACKAGES, engine_version, read_facts
from device_agents.local.files import HostFiles, Unreadable
from device_agents.local.pushed import PushedFiles
from device_agents.local.state import read_state
from device_agents.local.telemetry import LocalTelemetry
from harness.clock import CancelToken, Clock, Deadline
from harness.errors import CapabilityMissing, DeviceError, DeviceTimeout
from harness.record import DeviceFacts, DeviceState
from harness.scenario import Prepare

if TYPE_CHECKING:
    from device_agents.local.launch import LocalRunner

DEVICE_ID = "local"


def default_home() -> Path:
    """Where the local device keeps its files: beside the model cache of the user.

    Not below the folder for temporary files, which is often memory: models would count as RAM.
    """
    cache = os.environ.get("BENCHFARM_CACHE") or Path.home() / ".cache" / "benchfarm"
    return Path(cache) / "local-device"


class LocalDevice:
    """Implements :class:`harness.device.Device` for this machine.

    ``home`` holds ``store`` (pushed files, kept between trials) and ``work`` (for each program that
    measures, one trial's log and spool). Whoever uses the device must hold its lease.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        files: HostFiles = HostFiles(),  # noqa: B008 - frozen
    ) -> None:
        self.device_id = DEVICE_ID
        self._clock, self._files = clock, files
        self._pushed = PushedFiles(self.device_id, home / "store")
        self._works = home / "work"
        self._work = leftovers.own_folder(files, self._works)
        self._runners: list[LocalRunner] = []
        self._interpreter: Path | None = None

    def facts(self, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
        """Processor, memory, system, engines; see facts.py."""
        self._go_on(deadline, cancel)
        return read_facts(self._files, self.device_id)

    def state(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        """Load, memory and sensors; see state.py."""
        self._go_on(deadline, cancel)
        return read_state(self._files)

    def prepare(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        """End runners that a killed program left behind, and make an empty work folder.

        No setting is made here: each that is asked for is returned with that reason.
        """
        self._go_on(deadline, cancel)
        self._clean_up(deadline)
        self._pushed.tidy()
        self._make_work_folder()
        return tuple(
            f"{name}: the local machine's settings are not changed" for name in wanted.asked
        )

    def restore(self, deadline: Deadline) -> None:
        """End what still runs and remove the work folder; pushed files stay."""
        self._clean_up(deadline)

    def push(self, source: Path, digest: str, deadline: Deadline, cancel: CancelToken) -> bool:
        """Copy the file to where runners load from; False if it was there already."""
        return self._pushed.push(source, digest, lambda: self._go_on(deadline, cancel))

    def launch(self, engine: str, deadline: Deadline, cancel: CancelToken) -> LocalRunner:
        """Start a fresh runner process; raises CapabilityMissing when the engine is not there."""
        from device_agents.local.launch import launch

        self._go_on(deadline, cancel)
        if self._interpreter is None:
            self._require(engine)
        self._make_work_folder()
        runner = launch(self._pushed.folder, self._work, engine, self._interpreter)
        self._runners.append(runner)
        leftovers.note(self._files, self._work, runner.pid)
        return runner

    def use_build(self, build: Path | None) -> None:
        """Launch runners with this interpreter from now on; with our own for None."""
        self._interpreter = build

    def telemetry(
        self, rate_hz: float, purpose: Literal["timing", "memory"] = "timing"
    ) -> LocalTelemetry:
        """Outside readings; PSS only where ``purpose`` is ``memory``. See telemetry.py."""
        return LocalTelemetry(self._files, self._clock, rate_hz, purpose)

    def close(self) -> None:
        """End the runners that were started through this object."""
        while self._runners:
            self._runners.pop().kill()

    def _clean_up(self, deadline: Deadline) -> None:
        self.close()
        for folder in leftovers.abandoned(self._files, self._works):
            if not leftovers.end_all(self._files, folder, self._clock, deadline):
                raise DeviceTimeout(self.device_id, f"a runner noted in {folder} does not end")
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._unusable(error) from error
        with suppress(OSError):
            self._works.rmdir()  # not while another program has its folder there

    def _make_work_folder(self) -> None:
        try:
            self._pushed.folder.mkdir(parents=True, exist_ok=True)
            self._work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> DeviceError:
        reason = error.strerror or str(error)
        return DeviceError(
            self.device_id,
            f"cannot use {self._work}: {reason}; set BENCHFARM_CACHE to a folder you can write",
        )

    def _require(self, engine: str) -> None:
        if engine not in ENGINE_PACKAGES:
            raise CapabilityMissing(
                self.device_id, f"no engine {engine!r} here; there are {', '.join(ENGINE_PACKAGES)}"
            )
        try:
            engine_version(engine)
        except Unreadable as problem:
            raise CapabilityMissing(self.device_id, f"engine {engine} is {problem}") from problem

    def _go_on(self, deadline: Deadline, cancel: CancelToken) -> None:
        cancel.raise_if_cancelled()
        if deadline.expired:
            raise DeviceTimeout(self.device_id, f"not done within {deadline.seconds:g} s")
