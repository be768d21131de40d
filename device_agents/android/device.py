"""An Android phone behind the seam of the core."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from device_agents.android import install
from device_agents.android.adb import AdbServer
from device_agents.android.canary import Canary
from device_agents.android.facts import abis, read_facts
from device_agents.android.launch import SHELL_MAIN, AndroidRunner, StartPlan, start_runner
from device_agents.android.packages import RunnerFile, engines_for
from device_agents.android.parse.properties import read_properties
from device_agents.android.phone import Phone
from device_agents.android.phone_clock import PhoneClock
from device_agents.android.prepare import SLEEP, Preparation
from device_agents.android.sources import Survey, survey
from device_agents.android.state import read_state
from device_agents.android.store import PhoneStore
from device_agents.android.telemetry import AndroidTelemetry
from device_agents.android.undo import UndoLog
from device_agents.local.percent import Percent
from harness.clock import CancelToken, Clock, Deadline
from harness.device import Runner
from harness.errors import CapabilityMissing, DeviceError, HarnessError
from harness.record import DeviceFacts, DeviceState
from harness.scenario import Prepare

#: Any process of the runner, whatever its build.
_RUNNERS = "org.benchfarm.runner"
_CLOSE_TIMEOUT_S = 20.0
_SURVEY_TIMEOUT_S = 20.0
#: A state that was read just now need not be asked for again.
_FRESH_NS = 200_000_000
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_MOST_PICTURE_BYTES = 32 << 20


class AndroidDevice:
    """Implements :class:`harness.device.Device` for one phone.

    Settings are made once and stay until :meth:`close` or until the phone's guard finds the run
    silent; each trial looks whether they hold. Whoever uses the device must hold its lease.
    """

    def __init__(
        self,
        server: AdbServer,
        device_id: str,
        address: str,
        clock: Clock,
        undo_folder: Path,
        locate: Callable[[Deadline, CancelToken], str | None],
    ) -> None:
        """``locate`` tells what the adb server calls the phone now; None while it is away."""
        self.device_id = device_id
        self._locate = locate
        self._clock = clock
        self._phone = Phone(server, device_id, address, clock)
        self._store = PhoneStore(self._phone)
        self._undo = UndoLog(self._phone, undo_folder)
        self._preparation = Preparation(self._phone, self._undo)
        self._phone_clock = PhoneClock(self._phone)
        self._canary = Canary(self._phone)
        self._wanted = Prepare()
        self._abis: tuple[str, ...] | None = None
        self._apk: RunnerFile | None = None
        self._runner_files: Path | None = None
        self._survey: Survey | None = None
        self._page_bytes = 4096
        self._state: tuple[int, DeviceState] | None = None
        self._runners: list[AndroidRunner] = []
        self._telemetry: AndroidTelemetry | None = None
        self._prepared = False
        self._progress = Percent()

    def facts(self, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
        """Model, chip, system, processor, memory, battery; see facts.py."""
        facts = read_facts(self._phone, deadline, cancel)
        page = facts.values.get("page_bytes")
        self._page_bytes = page if isinstance(page, int) else self._page_bytes
        engines = engines_for(self._phone_abis(deadline, cancel), self._runner_files)
        return replace(facts, values=facts.values | {"runner_engines": engines})

    def state(self, deadline: Deadline, cancel: CancelToken) -> DeviceState:
        """Battery, temperatures, screen, load; see state.py. How fast a core is; see canary.py."""
        state = self._read_state(deadline, cancel, _FRESH_NS)
        canary = self._canary.read(deadline, cancel)
        return DeviceState(state.values | canary.values, state.unavailable | canary.unavailable)

    def prepare(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        """End leftovers, make the settings, or look whether they still hold."""
        self._wanted = wanted
        if not self._prepared:
            self._store.make(deadline, cancel)
            self._end_leftovers(deadline, cancel)
        package = None
        if (wanted.doze_exempt or wanted.compile) and wanted.start != "app_process":
            package = self._any_package(deadline, cancel)
        unmet = self._preparation.make(wanted, package, deadline, cancel)
        self._prepared = True
        return unmet

    def restore(self, deadline: Deadline) -> None:
        """End what still runs; before any :meth:`prepare`, put back what a crash left changed."""
        cancel = CancelToken()
        if self._phone.left_alone:
            return  # its guard puts the settings back if nobody comes
        self._end_runners()
        if not self._prepared:
            self._end_leftovers(deadline, cancel)
            failed = self._preparation.restore(deadline, cancel)
            if failed:
                raise DeviceError(self.device_id, f"cannot put a setting back: {failed[0]}")
        elif self._wanted.dark_between:
            self._phone.run(SLEEP, deadline, cancel, check=False)

    def push(self, source: Path, digest: str, deadline: Deadline, cancel: CancelToken) -> bool:
        """Send the file unless the phone has it; False if it was there already."""
        return self._store.push(source, digest, deadline, cancel, self._progress)

    def tell_progress(self, tell: Callable[[str], None]) -> None:
        """Say how far a push is, at most once per percent."""
        self._progress = Percent(tell)

    def launch(self, engine: str, deadline: Deadline, cancel: CancelToken) -> AndroidRunner:
        """Start a fresh runner process; installs the runner first where it is missing."""
        plan = self._start_plan(engine, deadline, cancel)
        self._end_runners()
        runner = start_runner(self._phone, plan, deadline, cancel)
        self._runners.append(runner)
        return runner

    def use_build(self, build: Path | None) -> None:
        """Start runners from this folder of runner files from now on; from ours for None.

        Every build has an application of its own, so that two of them are installed side by side.
        """
        self._runner_files = build

    def telemetry(
        self, rate_hz: float, purpose: Literal["timing", "memory"] = "timing"
    ) -> AndroidTelemetry:
        """Outside readings by one stream; see telemetry.py."""
        deadline, cancel = Deadline(self._clock, _SURVEY_TIMEOUT_S), CancelToken()
        if self._survey is None:
            said = self.state(deadline, cancel).values
            self._survey = survey(self._phone, said, deadline, cancel)
        self._telemetry = AndroidTelemetry(
            self._phone,
            self._phone_clock,
            self._survey,
            lambda within, old_ns: self._read_state(within, CancelToken(), old_ns),
            rate_hz,
            purpose,
            lambda: self._apk.application_id if self._apk is not None else None,
            self._page_bytes,
        )
        return self._telemetry

    def screenshot(self, deadline: Deadline, cancel: CancelToken) -> bytes | None:
        """What the phone shows now; None for what is no picture (some windows forbid it)."""
        picture = self._phone.run_apart("screencap -p", deadline, cancel, check=False).stdout
        whole = picture.startswith(_PNG) and picture.endswith(_PNG_END)
        return picture if whole and len(picture) <= _MOST_PICTURE_BYTES else None

    def detach(
        self, runner: Runner, seconds: float, deadline: Deadline, cancel: CancelToken
    ) -> str:
        """Let go of the phone; the guard of its settings waits, too."""
        if not isinstance(runner, AndroidRunner):
            raise CapabilityMissing(self.device_id, "this runner is not one of an Android phone")
        way = runner.way(deadline, cancel)
        if self._telemetry is not None:
            self._telemetry.close()
        self._undo.hold(seconds, deadline, cancel)
        self._phone.leave()
        return way

    def is_back(self, deadline: Deadline, cancel: CancelToken) -> bool:
        """Whether adb sees the phone, by whatever address."""
        address = self._locate(deadline, cancel)
        if address is not None:
            self._phone.address = address
        return address is not None

    def attach(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Take hold of it again; its settings are guarded as before."""
        self._phone.come_back()
        if self._undo.pending:
            self._undo.keep_alive(deadline, cancel)

    def runner_again(self, way: str, deadline: Deadline, cancel: CancelToken) -> Runner | None:
        """The runner that was left, by its process and the phone's start."""
        runner = AndroidRunner.found(self._phone, way, deadline, cancel)
        if runner is not None:
            self._runners.append(runner)
        return runner

    def close(self) -> None:
        """End the runners, put the settings back, let go of the link."""
        if self._phone.left_alone:
            return
        with suppress(HarnessError):
            self._end_runners()
            if self._prepared:
                self._preparation.restore(Deadline(self._clock, _CLOSE_TIMEOUT_S), CancelToken())
        self._prepared = False
        self._undo.link_lost()
        self._phone.disconnect()

    # --- inside -----------------------------------------------------------------------------

    def _start_plan(self, engine: str, deadline: Deadline, cancel: CancelToken) -> StartPlan:
        start = self._wanted.start or "activity"
        known = self._phone_abis(deadline, cancel)
        apk = install.require_apk(self._phone, known, engine, self._runner_files)
        if start == "app_process":
            with tempfile.TemporaryDirectory(prefix="benchfarm-") as work:
                jar, libraries = install.push_bare_runner(
                    self._phone, self._store, apk, Path(work), self._runner_files, deadline, cancel
                )
            return StartPlan(start, apk, None, jar, libraries)
        if self._apk != apk:
            install.install(self._phone, self._store, apk, deadline, cancel)
            self._apk = apk
        return StartPlan(start, apk, self._wanted.refresh_hz)

    def _any_package(self, deadline: Deadline, cancel: CancelToken) -> str | None:
        """The runner whose app a setting is about; it is installed for it."""
        for engine in ("tflite", "onnxruntime"):
            try:
                plan = self._start_plan(engine, deadline, cancel)
            except CapabilityMissing:
                continue
            return plan.apk.application_id
        return None

    def _phone_abis(self, deadline: Deadline, cancel: CancelToken) -> tuple[str, ...]:
        if self._abis is None:
            self._abis = abis(read_properties(self._phone.run("getprop", deadline, cancel).text))
        return self._abis

    def _read_state(self, deadline: Deadline, cancel: CancelToken, at_most_ns: int) -> DeviceState:
        """A state that is at most so old."""
        now_ns = self._clock.monotonic_ns()
        if self._state is None or now_ns - self._state[0] > at_most_ns:
            state = read_state(self._phone, deadline, cancel)
            self._state = (self._clock.monotonic_ns(), state)
        return self._state[1]

    def _end_runners(self) -> None:
        while self._runners:
            self._runners.pop().kill()

    def _end_leftovers(self, deadline: Deadline, cancel: CancelToken) -> None:
        """End runners of a host that died, whichever build they were."""
        command = (
            f"for p in $(pm list packages {_RUNNERS}); do am force-stop ${{p#package:}}; done; "
            f"pkill -9 -f {SHELL_MAIN}; true"
        )
        self._phone.run(command, deadline, cancel, check=False)
