"""An iPhone behind the seam of the core."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from device_agents.ios import install
from device_agents.ios.developer import Developer
from device_agents.ios.facts import read_facts, read_state
from device_agents.ios.launch import IosRunner, Way, start_runner
from device_agents.ios.parse.processes import foreign_load
from device_agents.ios.parse.values import TunnelKind, ios_version, tunnel_kind
from device_agents.ios.phone import Connections, Phone
from device_agents.ios.store import PhoneStore
from device_agents.ios.telemetry import IosTelemetry
from device_agents.local.percent import Percent
from harness import channels
from harness.clock import CancelToken, Clock, Deadline
from harness.device import Runner
from harness.errors import CapabilityMissing, DeviceError, HarnessError
from harness.record import DeviceFacts, DeviceState
from harness.scenario import Prepare

_CLOSE_TIMEOUT_S = 5.0
_LOAD_TIMEOUT_S = 5.0
#: What a scenario may ask of every phone, and what an iPhone says to it.
_NOT_ON_IOS = "iOS lets nobody set it from a computer; set it on the phone"
_BY_THE_APP = frozenset({"start", "stay_awake", "animations"})


class IosDevice:
    """Implements :class:`harness.device.Device` for one iPhone.

    Nothing on the phone is changed but the runner app's own Documents. Whoever uses the device must
    hold its lease.
    """

    def __init__(self, device_id: str, udid: str, clock: Clock) -> None:
        self.device_id = device_id
        self._clock = clock
        self._phone = Phone(device_id, udid, clock)
        self._store = PhoneStore(self._phone)
        self._developer = Developer(self._phone.connections)
        self._wanted = Prepare()
        self._tunnel: TunnelKind | None = None
        self._runners: list[IosRunner] = []
        self._prepared = False
        self._progress = Percent()

    def facts(self, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
        """Model, chip, iOS, memory, battery, developer services; see facts.py."""
        return read_facts(self._phone, deadline, cancel)

    def state(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        """Battery and passcode (see facts.py), and who else works."""
        return self._with_load(read_state(self._phone, deadline, cancel), cancel)

    def prepare(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        """See to it that the runner app is there; iOS lets no host change a setting."""
        self._wanted = wanted
        if not self._prepared:
            install.require_app(self._phone, deadline, cancel)
            self._store.make(deadline, cancel)
            self._prepared = True
        unmet = [f"{name}: {_NOT_ON_IOS}" for name in wanted.asked if name not in _BY_THE_APP]
        if wanted.start not in (None, "by_hand"):
            unmet.append(f"start: {wanted.start} is a way of Android; the app was launched")
        return tuple(unmet)

    def restore(self, deadline: Deadline) -> None:
        """End what still runs, unless the phone is left alone with it."""
        if not self._phone.left_alone:
            self._end_runners()

    def push(self, source: Path, digest: str, deadline: Deadline, cancel: CancelToken) -> bool:
        """Send the file unless the app has it; False if it was there already."""
        return self._store.push(source, digest, deadline, cancel, self._progress)

    def tell_progress(self, tell: Callable[[str], None]) -> None:
        """Say how far a push is, at most once per percent."""
        self._progress = Percent(tell)

    def launch(self, engine: str, deadline: Deadline, cancel: CancelToken) -> IosRunner:
        """Start a fresh runner process, or wait for a person to open the app."""
        self._end_runners()
        way = None
        if self._wanted.start != "by_hand":
            way = Way(self._developer, self._tunnel_kind(deadline, cancel))
        runner = start_runner(self._phone, self._store, way, deadline, cancel)
        self._runners.append(runner)
        return runner

    def telemetry(
        self, rate_hz: float, purpose: Literal["timing", "memory"] = "timing"
    ) -> IosTelemetry:
        """The battery gauge; what only an app can read comes from the runner."""
        return IosTelemetry(self._phone, rate_hz)

    def detach(
        self, runner: Runner, seconds: float, deadline: Deadline, cancel: CancelToken
    ) -> str:
        """Let go of the phone; nothing was set on it that would have to be kept."""
        if not isinstance(runner, IosRunner):
            raise CapabilityMissing(self.device_id, "this runner is not one of an iPhone")
        self._close_developer()
        self._phone.leave()
        return runner.way()

    def is_back(self, deadline: Deadline, cancel: CancelToken) -> bool:
        """Whether usbmuxd has the phone and it talks to us; iOS may want it unlocked first."""
        return self._phone.is_there(deadline, cancel)

    def attach(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Take hold of it again."""
        self._phone.come_back()

    def runner_again(self, way: str, deadline: Deadline, cancel: CancelToken) -> Runner | None:
        """The runner that was left, by its process and its port."""
        runner = IosRunner.found(self._phone, self._developer, way, cancel)
        if runner is not None:
            self._runners.append(runner)
        return runner

    def close(self) -> None:
        """End the runners, let go of the phone."""
        if self._phone.left_alone:
            return
        self._end_runners()
        self._close_developer()
        self._phone.disconnect()
        self._prepared = False

    # --- inside -----------------------------------------------------------------------------

    def _with_load(self, state: DeviceState, cancel: CancelToken) -> DeviceState:
        """Only developer services tell who works, and disturb: asked where nothing is timed."""
        values, unavailable = dict(state.values), dict(state.unavailable)
        try:
            found = self._foreign_load(cancel)
        except (DeviceError, CapabilityMissing) as error:
            found, unavailable[channels.FOREIGN_CPU] = None, str(error)
        if found is not None:
            values[channels.FOREIGN_CPU], values["busiest"] = found
        elif channels.FOREIGN_CPU not in unavailable:
            unavailable[channels.FOREIGN_CPU] = "no developer service tells it"
        return DeviceState(values, unavailable)

    def _foreign_load(self, cancel: CancelToken) -> tuple[float, str] | None:
        if self._wanted.start == "by_hand":
            return None
        deadline = Deadline(self._clock, _LOAD_TIMEOUT_S)
        tunnel = self._tunnel_kind(deadline, cancel)

        async def ask(_: Connections) -> list[dict[str, Any]]:
            return await self._developer.processes(tunnel)

        processes = self._phone.call_once("see who works", ask, deadline, cancel)
        return foreign_load(processes, {runner.pid for runner in self._runners})

    def _close_developer(self) -> None:
        async def close(_: Connections) -> None:
            await self._developer.close()

        with suppress(HarnessError):
            deadline = Deadline(self._clock, _CLOSE_TIMEOUT_S)
            self._phone.call_once("disconnect", close, deadline, CancelToken())

    def _tunnel_kind(self, deadline: Deadline, cancel: CancelToken) -> TunnelKind:
        if self._tunnel is None:
            values = self._phone.call(
                "read the phone's values", Connections.values, deadline, cancel
            )
            version = ios_version(values)
            if version is None:
                raise CapabilityMissing(self.device_id, "the phone does not tell its iOS version")
            self._tunnel = tunnel_kind(version)
        return self._tunnel

    def _end_runners(self) -> None:
        while self._runners:
            self._runners.pop().kill()
