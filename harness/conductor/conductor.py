"""One trial, from an idle device to a stored record: the sole state machine of a measurement."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.clock import CancelToken, Clock, Deadline
from harness.conditions import Gates
from harness.conductor.answer import keep_answer
from harness.conductor.around import AccompaniedTelemetry, Surroundings
from harness.conductor.attempt import Attempt, tensor_specs
from harness.conductor.detached import DetachedMeasurement, Left
from harness.conductor.gate import CoolDown, Waiting, wait_for_start
from harness.conductor.inputs import InputFactory
from harness.conductor.measure import Measurement
from harness.conductor.meter import MeteredTelemetry, open_meter
from harness.conductor.phases import PhaseLog, failure_of
from harness.conductor.processes import Processes
from harness.conductor.profile import profile_pass
from harness.conductor.progress import Progress
from harness.conductor.screen import watched
from harness.conductor.session import RunnerSession
from harness.device import BuildChoice, Detachable, Device, Runner, Telemetry, TellsProgress
from harness.errors import (
    CapabilityMissing,
    CatalogueError,
    HarnessError,
    StoreError,
)
from harness.record import Cause, Cell, DeviceFacts, DeviceState, Trial, TrialRecord
from harness.scenario import (
    Cold,
    EnergyRequest,
    LabDevice,
    MemoryPass,
    Prepare,
    Require,
)
from harness.store.trial_writer import TrialWriter
from harness.wire.messages import Loaded, LoadModel

if TYPE_CHECKING:
    from harness.models.evaluation import TaskFor

#: A device that does not answer a simple question for so long is taken for gone.
DEVICE_TIMEOUT_S = 30.0
#: Settings of a phone, one after the other.
PREPARE_TIMEOUT_S = 300.0
#: Pushing a model over a slow link.
PUSH_TIMEOUT_S = 900.0
#: The runner's installation before a phone's first trial, which may wait for a person to allow it,
#: and a fresh process of it until it listens.
LAUNCH_TIMEOUT_S = 180.0
#: The same where a person opens the app.
BY_HAND_TIMEOUT_S = 600.0
#: Loading and delegate preparation: compiling for an accelerator takes minutes on a phone.
LOAD_TIMEOUT_S = 900.0
#: How a trial ends whose device may still hold what it measured.
_MAY_COME_BACK = (Cause.OFFLINE, Cause.TIMEOUT, Cause.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all trials of one run on one device share.

    ``facts`` are the device's, read once per run; ``harness`` names version and commit.
    """

    run_id: str
    facts: DeviceFacts
    harness: dict[str, str]
    gates: Gates
    telemetry_rate_hz: float
    memory: MemoryPass | None
    require: Require
    prepare: Prepare
    energy: EnergyRequest | None = None
    detached: bool = False  #: timed trials run with the cable out
    compare_outputs: bool = False  #: keep one answer of each model, to lay beside the CPU's
    lab: LabDevice | None = None  #: what the lab says of the device
    surroundings: Surroundings | None = None  #: the room and the lab machine

    def idle_seconds(self, cell: Cell) -> float:
        """How long a trial of ``cell`` idles before and after its work for the sake of energy."""
        return self.energy.idle_seconds if self.energy is not None and _works(cell) else 0.0

    def is_alone(self, cell: Cell) -> bool:
        """Whether a trial of ``cell`` runs with the cable out."""
        return self.detached and _works(cell)


@dataclass(frozen=True, slots=True)
class TrialJob:
    """One trial with the files it needs on this host."""

    trial: Trial
    model: Path
    inputs: Path | None = None  #: a folder of the user's own arrays
    task: TaskFor | None = None  #: for the accuracy pass
    build: Path | None = None  #: another build of the runner, which the trial's arm names


class Conductor:
    """Takes trials on one device through their phases, one after the other."""

    def __init__(
        self,
        device: Device,
        context: RunContext,
        inputs: InputFactory,
        clock: Clock,
        cancel: CancelToken,
        progress: Progress,
        processes: Processes | None = None,
        cool_down: CoolDown | None = None,
    ) -> None:
        self._device, self._context, self._inputs = device, context, inputs
        self._clock, self._cancel, self._progress = clock, cancel, progress
        self._cool_down = cool_down or CoolDown()
        self._processes = processes or Processes()

    def run(self, job: TrialJob, writer: TrialWriter) -> TrialRecord:
        """Run one trial and store its record, whatever happens on the device.

        Raises StoreError when the record cannot be stored. A cancelled trial becomes a FAILED
        record that keeps what was measured.
        """
        log = PhaseLog(job.trial, self._clock, self._progress)
        attempt = Attempt(job.trial, writer, self._clock.now())
        try:
            with log.phase("ACQUIRE"):
                attempt.state_before = self._ask()
            if self._context.is_alone(job.trial.cell) and not isinstance(self._device, Detachable):
                attempt.unavailable = f"{self._device.device_id} cannot measure without its cable"
            elif not self._found_again(job, writer, attempt, log):
                self._on_prepared_device(job, attempt, log)
        except StoreError:
            raise
        except HarnessError as error:
            attempt.failure = failure_of(error)
        self._processes.judge(attempt)
        record = attempt.record(self._context, tuple(log.spans), self._clock.now())
        self._processes.add(record)
        writer.finish(record, attempt.runner_log)
        if record.failure is None or record.failure.cause not in _MAY_COME_BACK:
            writer.forget_left()
        return record

    def _found_again(
        self, job: TrialJob, writer: TrialWriter, attempt: Attempt, log: PhaseLog
    ) -> bool:
        """Whether an earlier attempt left the device alone, and what it measured was fetched."""
        kept = writer.left()
        left = Left.decoded(kept) if kept else None
        if left is None or not isinstance(self._device, Detachable):
            return False
        runner = self._device.runner_again(left.way, self._within(), self._cancel)
        if runner is None:
            writer.forget_left()
            log.note(
                f"{self._device.device_id}: the runner that was left with {job.trial.id} is gone; "
                "it is measured again"
            )
            return False
        attempt.found = True
        with ExitStack() as undo:
            undo.callback(self._restore, log)
            telemetry = self._telemetry(attempt)
            undo.callback(telemetry.close)
            telemetry.attach(runner)
            attempt.channels = tuple(telemetry.channels())
            session = self._session(runner, undo)
            undo.callback(attempt.keep_log_of, runner)
            measurement = self._measurement(session, runner, telemetry, attempt, log)
            if isinstance(measurement, DetachedMeasurement):
                measurement.found(left)
            self._collect(telemetry, attempt, log)
        return True

    def _measurement(
        self,
        session: RunnerSession,
        runner: Runner,
        telemetry: Telemetry,
        attempt: Attempt,
        log: PhaseLog,
    ) -> Measurement:
        """Over the cable, or without."""
        context, cell = self._context, attempt.trial.cell
        parts = (session, telemetry, attempt, log, self._clock, self._cancel)
        poll_s, idle_s = 1.0 / context.telemetry_rate_hz, context.idle_seconds(cell)
        if not context.is_alone(cell) or not isinstance(self._device, Detachable):
            return Measurement(*parts, poll_s, idle_s, context.gates.foreign_cpu_percent)
        hub_port = context.lab.hub_port if context.lab else None
        return DetachedMeasurement(*parts, poll_s, idle_s, self._device, runner, hub_port)

    def _on_prepared_device(self, job: TrialJob, attempt: Attempt, log: PhaseLog) -> None:
        with ExitStack() as undo:
            undo.callback(self._restore, log)
            with log.phase("PREPARE"):
                self._choose_build(job.build)
                attempt.unprepared = self._device.prepare(
                    self._context.prepare, self._within(PREPARE_TIMEOUT_S), self._cancel
                )
            telemetry = self._telemetry(attempt)
            undo.callback(telemetry.close)
            attempt.channels = tuple(telemetry.channels())
            with log.phase("GATE"):
                waiting = Waiting(telemetry, self._clock, self._cancel, log, self._ask)
                attempt.miss(wait_for_start(self._context.gates, waiting))
            if self._must_cool(job.trial):
                with log.phase("COOL"):
                    attempt.cooling, missed = self._cool_down.wait(
                        self._context.gates, waiting, attempt.add_readings
                    )
                    attempt.miss(missed)
            with log.phase("PUSH"):
                if isinstance(self._device, TellsProgress):
                    self._device.tell_progress(lambda text: log.detail("PUSH", text))
                self._push(job.trial.cell.variant.digest, job.model)
                primed = self._prime(job)
            self._with_runner(job, primed, attempt, telemetry, log)

    def _ask(self) -> DeviceState:
        return self._device.state(self._within(), self._cancel)

    def _must_cool(self, trial: Trial) -> bool:
        """Whether the thermal gate comes before this trial.

        Trials of a quad follow each other without it: waiting between them would bring back the
        differences that their order takes out. What is no timing does not care for heat.
        """
        first = trial.quad is None or trial.quad_place == 0
        return self._context.gates.thermal is not None and trial.cell.purpose == "timing" and first

    def _with_runner(
        self,
        job: TrialJob,
        primed: tuple[str, ...] | None,
        attempt: Attempt,
        telemetry: Telemetry,
        log: PhaseLog,
    ) -> None:
        cell = job.trial.cell
        with ExitStack() as undo:
            with log.phase("LAUNCH"):
                if self._context.prepare.start == "by_hand":
                    log.detail("LAUNCH", "open the app benchfarm on the phone")
                session, runner = self._launch(cell, undo)
                undo.callback(attempt.keep_log_of, runner)
                telemetry.attach(runner)
                attempt.channels = tuple(telemetry.channels())
                if primed is None:
                    attempt.ready = session.open(self._within(self._launch_s), self._cancel)
                    attempt.launch_ns = self._clock.monotonic_ns() - runner.spawned_at_ns
            measurement = self._measurement(session, runner, telemetry, attempt, log)
            if cell.purpose == "accuracy":
                with log.phase("LOAD"):
                    attempt.loaded = self._load(session, cell)
                self._examine(session, attempt.loaded, job, attempt, log)
            elif primed is None:
                with log.phase("LOAD"):
                    attempt.loaded = self._load(session, cell)
                    inputs = self._push_inputs(attempt.loaded, job)
                if cell.purpose == "profile":
                    profile_pass(session, inputs, attempt, log, self._clock, self._cancel)
                else:
                    measurement.run(inputs)
                    if self._context.compare_outputs:
                        keep_answer(session, attempt, log, self._clock, self._cancel)
            else:
                measurement.run_cold(load_message(cell), primed)
            self._collect(telemetry, attempt, log)

    def _collect(self, telemetry: Telemetry, attempt: Attempt, log: PhaseLog) -> None:
        with log.phase("COLLECT"):
            attempt.add_readings(telemetry.poll(final=True))
            attempt.add_channels(telemetry.channels())  # some only show when read
            attempt.state_after = self._ask()

    def _examine(
        self,
        session: RunnerSession,
        loaded: Loaded,
        job: TrialJob,
        attempt: Attempt,
        log: PhaseLog,
    ) -> None:
        """Infer the dataset of the accuracy pass."""
        from harness.conductor.accuracy import Examination

        if job.task is None:
            raise CatalogueError("no dataset was given for the accuracy pass; start a new run")
        with log.phase("MEASURE"):
            attempt.score = Examination(session, loaded, self._clock, self._cancel).run(
                job.task, self._inputs, self._push, lambda text: log.detail("MEASURE", text)
            )

    def _prime(self, job: TrialJob) -> tuple[str, ...] | None:
        """For a cold start: learn the inputs from a first, untimed process and push them."""
        if not isinstance(job.trial.cell.load, Cold):
            return None
        with ExitStack() as undo:
            session, _ = self._launch(job.trial.cell, undo)
            session.open(self._within(self._launch_s), self._cancel)
            return self._push_inputs(self._load(session, job.trial.cell), job)

    def _launch(self, cell: Cell, undo: ExitStack) -> tuple[RunnerSession, Runner]:
        runner = self._device.launch(cell.engine, self._within(LAUNCH_TIMEOUT_S), self._cancel)
        return self._session(runner, undo), runner

    def _session(self, runner: Runner, undo: ExitStack) -> RunnerSession:
        undo.callback(runner.kill)
        session = RunnerSession(self._device.device_id, runner, self._clock)
        undo.callback(session.close)
        return session

    @property
    def _launch_s(self) -> float:
        """How long a runner may take to appear; a person has to come by for some."""
        by_hand = self._context.prepare.start == "by_hand"
        return BY_HAND_TIMEOUT_S if by_hand else LAUNCH_TIMEOUT_S

    def _load(self, session: RunnerSession, cell: Cell) -> Loaded:
        return session.load(load_message(cell), self._within(LOAD_TIMEOUT_S), self._cancel)

    def _telemetry(self, attempt: Attempt) -> Telemetry:
        cell = attempt.trial.cell
        telemetry = self._device.telemetry(
            self._context.telemetry_rate_hz, "memory" if cell.purpose == "memory" else "timing"
        )
        telemetry = watched(telemetry, self._device, self._clock, attempt.keep_screenshot)
        if self._context.surroundings is not None:
            around = self._context.surroundings.open(
                self._device.device_id, self._context.telemetry_rate_hz
            )
            telemetry = AccompaniedTelemetry(telemetry, around)
        meter = self._context.lab.meter if self._context.lab else None
        if meter is None or not self._context.idle_seconds(cell):
            return telemetry
        return MeteredTelemetry(telemetry, open_meter(meter, self._clock))

    def _push_inputs(self, loaded: Loaded, job: TrialJob) -> tuple[str, ...]:
        made = self._inputs.make(tensor_specs(loaded.inputs), job.inputs)
        for digest, path in made:
            self._push(digest, path)
        return tuple(digest for digest, _ in made)

    def _push(self, digest: str, path: Path) -> None:
        self._device.push(path, digest, self._within(PUSH_TIMEOUT_S), self._cancel)

    def _choose_build(self, build: Path | None) -> None:
        if isinstance(self._device, BuildChoice):
            self._device.use_build(build)
        elif build is not None:
            raise CapabilityMissing(
                self._device.device_id, f"cannot run another build ({build}) of the runner"
            )

    def _restore(self, log: PhaseLog) -> None:
        with log.phase("RESTORE"):
            self._device.restore(self._within())

    def _within(self, seconds: float = DEVICE_TIMEOUT_S) -> Deadline:
        return Deadline(self._clock, seconds)


def load_message(cell: Cell) -> LoadModel:
    """What the runner is told to load for ``cell``."""
    return LoadModel(
        model=cell.variant.digest,
        engine=cell.engine,
        delegate=cell.delegate,
        threads=cell.threads,
        batch=cell.batch,
        shapes=cell.shapes,
        page_cache=cell.load.page_cache if isinstance(cell.load, Cold) else "keep",
        options={name: _scalar(value) for name, value in cell.options.items()},
    )


def _works(cell: Cell) -> bool:
    """Whether it is a timed load: not a cold start, and no pass of its own."""
    return cell.purpose == "timing" and not isinstance(cell.load, Cold)


def _scalar(value: str | float | bool) -> str | int | bool:
    """The wire has no floating-point numbers: those travel as text."""
    return repr(value) if isinstance(value, float) else value
