"""One run, from a validated scenario to stored records."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from harness.cli import lab
from harness.cli.arms import build_path, check_builds, pinned
from harness.cli.console import RunView, run_view
from harness.cli.inference import LocalInfer
from harness.cli.models_source import ModelSource
from harness.cli.provenance import harness_facts
from harness.clock import CancelToken, Clock, SystemClock
from harness.conductor.conductor import Conductor, RunContext, TrialJob
from harness.conductor.gate import CoolDown
from harness.conductor.inputs import InputFactory
from harness.conductor.processes import Processes
from harness.errors import NoDeviceMatched, UserError
from harness.fleet.curfew import Curfew
from harness.fleet.executor import DeviceWork, EmbeddedExecutor
from harness.fleet.repeats import RepeatRule, SkipRule
from harness.fleet.second_look import look_again
from harness.fleet.surroundings import LabSurroundings
from harness.models.cache import ModelCache
from harness.models.catalogue import Catalogue
from harness.plan import Plan, estimate, expand, night_end
from harness.plan.devices import WHOLE_DEVICE
from harness.plan.night import units
from harness.record import Cause, DeviceFacts, Outcome, RunPlan, Trial, TrialRecord
from harness.scenario import DeviceSelector, Scenario
from harness.scenario_file import loads
from harness.store.run_writer import RunWriter
from harness.store.runid import new_run_id
from harness.store.store import ResultsStore

#: Decides whether a trial takes part (``-k``).
TrialFilter = Callable[[Trial], bool]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line adds to a scenario."""

    results: Path
    label: str | None = None
    selectors: tuple[DeviceSelector, ...] = ()
    wanted: TrialFilter = lambda _: True
    stop_at_failure: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that was executed: its id, and whether the user stopped it."""

    run_id: str
    interrupted: bool


def model_source(scenario: Scenario, *, build: bool) -> ModelSource:
    """The models of a scenario: built-in catalogue, the scenario's own, and the cache.

    Raises CatalogueError for an unknown dataset, before anything is built for it.
    """
    if scenario.accuracy is not None:
        from harness.models.evaluation import check_dataset

        check_dataset(scenario.accuracy)
    own = [scenario.catalogue] if scenario.catalogue else []
    return ModelSource(
        Catalogue.load(own),
        ModelCache(infer=LocalInfer()),
        build=build,
        note=lambda text: click.echo(text, err=True),
    )


def start(scenario: Scenario, choices: Choices) -> Ended:
    """Measure everything a scenario asks for, as a new run."""
    cancel, clock = CancelToken(), SystemClock()
    if choices.selectors:
        scenario = replace(scenario, devices=choices.selectors)
    scenario = pinned(scenario)
    source = model_source(scenario, build=True)
    plan, facts = planned(scenario, source, cancel)
    trials = chosen(plan.trials, choices.wanted)
    refuse_empty(plan, trials)
    for skip in plan.skips:
        if skip.what == WHOLE_DEVICE:
            click.echo(f"{skip.device_id} takes no part: {skip.reason}", err=True)
    devices = sorted({trial.cell.device_id for trial in trials})
    with ExitStack() as stack:
        lab.lease_all(devices, f"run {scenario.name}", stack)
        writer = ResultsStore(choices.results).create_run(
            RunPlan(
                run_id=new_run_id(clock, scenario.name),
                scenario=scenario.name,
                label=choices.label,
                created_at=clock.now().isoformat(timespec="milliseconds"),
                trials=trials,
                skips=plan.skips,
                ranking=plan.ranking,
                facts={device: facts[device] for device in devices},
                harness=harness_facts(),
                scenario_text=scenario.text,
            )
        )
        return _Execution(scenario, writer, source, choices, cancel).run(trials)


def planned(
    scenario: Scenario, source: ModelSource, cancel: CancelToken
) -> tuple[Plan, dict[str, DeviceFacts]]:
    """The plan for the devices at hand, and their facts."""
    found = lab.sightings()
    facts = lab.facts_of(found, cancel)
    plan = expand(scenario, facts, source)
    absent = {skip.device_id: skip for skip in lab.left_out(scenario, found, facts)}
    others = [skip for skip in plan.skips if skip.device_id not in absent]
    return replace(plan, skips=(*others, *absent.values())), facts


def resume(run: str, choices: Choices) -> Ended:
    """Measure what a run still lacks; with ``retry_failed`` its failed and invalid trials too."""
    cancel = CancelToken()
    store = ResultsStore(choices.results)
    writer = store.resume_run(run)
    with ExitStack() as stack:
        stack.callback(writer.close, "interrupted")
        plan_file = writer.folder / "plan.json"
        scenario = pinned(loads(writer.plan.scenario_text, str(plan_file), writer.folder))
        records = list(store.resolve(writer.run_id).records())
        left = unfinished(writer.plan, records, retry_failed=choices.retry_failed)
        trials = chosen(left, choices.wanted)
        check_builds(trials, scenario)
        source = model_source(scenario, build=True)
        for ref in scenario.models:  # builds what another machine's cache had
            source.touch(ref)
        devices = sorted({trial.cell.device_id for trial in trials})
        lab.lease_all(devices, f"run {scenario.name}", stack)
        execution = _Execution(scenario, writer, source, choices, cancel)
        execution.already_measured(records)
        return execution.run(trials)


def unfinished(plan: RunPlan, records: Sequence[TrialRecord], *, retry_failed: bool) -> list[Trial]:
    """Trials without a record and interrupted ones; with ``retry_failed`` the bad ones too.

    A quad is only of use when its trials are close in time: with one of them, all are open.
    """
    by_id = {record.trial.id: record for record in records}

    def open_(trial: Trial) -> bool:
        record = by_id.get(trial.id)
        if record is None:
            return True
        if record.failure is not None and record.failure.cause is Cause.INTERRUPTED:
            return True
        return retry_failed and record.outcome in {Outcome.FAILED, Outcome.INVALID}

    return [trial for unit in units(plan.trials) if any(map(open_, unit)) for trial in unit]


def chosen(trials: Sequence[Trial], wanted: TrialFilter) -> tuple[Trial, ...]:
    """The wanted trials, in order; half a quad is none."""
    kept = {trial.id for unit in units(trials) if all(map(wanted, unit)) for trial in unit}
    return tuple(trial for trial in trials if trial.id in kept)


def refuse_empty(plan: Plan, trials: Sequence[Trial]) -> None:
    """Raise the user's error that fits a plan with nothing to measure."""
    if trials:
        return
    if plan.trials:
        raise UserError(
            "none of the planned trials is wanted: -k matches none, or one arm of a quad only; "
            "`benchfarm plan` shows them"
        )
    if not plan.devices:
        why = "".join(f"; {skip.device_id}: {skip.reason}" for skip in plan.skips[:1])
        raise NoDeviceMatched(
            "no device at hand matches `devices` of the scenario or -s; `benchfarm devices` shows "
            f"what is there{why}"
        )
    reasons = sorted({f"{skip.what}: {skip.reason}" for skip in plan.skips})
    more = f" (and {len(reasons) - 1} more, see `benchfarm plan`)" if len(reasons) > 1 else ""
    raise UserError(f"nothing can be measured: {reasons[0]}{more}")


def curfew(
    scenario: Scenario, plan: RunPlan, trials: Sequence[Trial], clock: Clock
) -> list[SkipRule]:
    """The rule of ``finish_by``, where there is one; raises UserError when that has passed."""
    if scenario.finish_by is None:
        return []
    ends_at = night_end(scenario.finish_by, clock.now().astimezone())
    seconds = estimate(Plan(plan.trials, (), idle_seconds=scenario.idle_seconds)).cell_seconds
    counts = Counter(trial.id.rpartition("-r")[0] for trial in plan.trials)
    expected_s = {key: seconds[key] / count for key, count in counts.items()}
    return [Curfew(ends_at, trials, plan.ranking, expected_s, clock)]


class _Execution:
    """Executes trials of one run; the leases are held by the caller."""

    def __init__(
        self,
        scenario: Scenario,
        writer: RunWriter,
        source: ModelSource,
        choices: Choices,
        cancel: CancelToken,
    ) -> None:
        self._scenario, self._writer, self._source = scenario, writer, source
        self._choices, self._cancel = choices, cancel
        self._clock = SystemClock()
        self._rules: list[SkipRule] = [RepeatRule(scenario.repeats)]
        self._earlier: Sequence[TrialRecord] = ()

    def already_measured(self, records: Sequence[TrialRecord]) -> None:
        """Count trials of an earlier session, and the processes that served them."""
        self._earlier = records
        for record in records:
            for rule in self._rules:
                rule.add(record)

    def run(self, trials: Sequence[Trial]) -> Ended:
        """Run ``trials`` device by device, all devices at once."""
        with ExitStack() as stack:
            stack.callback(self._close)
            self._rules += curfew(self._scenario, self._writer.plan, trials, self._clock)
            self._heed_signals(stack)
            view = stack.enter_context(run_view(len(trials)))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchfarm-")))
            inputs = InputFactory(folder, self._scenario.seed)
            executor = EmbeddedExecutor(
                self._writer,
                self._job,
                self._rules,
                clock=self._clock,
                cancel=self._cancel,
                progress=view,
                stop_at_failure=self._choices.stop_at_failure,
            )
            devices = sorted({trial.cell.device_id for trial in trials})
            surroundings = self._surroundings(devices, stack)
            executor.run(
                {
                    device_id: DeviceWork(
                        self._conductor(device_id, inputs, view, surroundings, stack),
                        [trial for trial in trials if trial.cell.device_id == device_id],
                    )
                    for device_id in devices
                }
            )
            look_again(self._writer, self._scenario.require)
        return Ended(self._writer.run_id, interrupted=self._cancel.reason.startswith("interrupted"))

    def _surroundings(self, devices: Sequence[str], stack: ExitStack) -> LabSurroundings | None:
        """What is read beside the devices; nothing for the lab machine alone without a room."""
        if devices == ["local"] and self._scenario.ambient is None:
            return None
        made = LabSurroundings(self._scenario.ambient, devices, self._clock)
        stack.callback(made.close)
        return made

    def _conductor(
        self,
        device_id: str,
        inputs: InputFactory,
        view: RunView,
        surroundings: LabSurroundings | None,
        stack: ExitStack,
    ) -> Conductor:
        device = lab.open_device(device_id)
        stack.callback(device.close)
        scenario, plan = self._scenario, self._writer.plan
        context = RunContext(
            run_id=self._writer.run_id,
            facts=plan.facts.get(device_id, DeviceFacts(device_id)),
            harness=dict(plan.harness),
            gates=scenario.gates,
            telemetry_rate_hz=scenario.telemetry_rate_hz,
            memory=scenario.memory,
            require=scenario.require,
            prepare=scenario.prepare,
            energy=scenario.energy,
            detached=scenario.is_detached,
            compare_outputs=any(trial.cell.delegate != "cpu" for trial in plan.trials),
            lab=next((one for one in scenario.lab if one.address == device_id), None),
            surroundings=surroundings,
        )
        own = (one for one in self._earlier if one.trial.cell.device_id == device_id)
        return Conductor(
            device,
            context,
            inputs,
            self._clock,
            self._cancel,
            view,
            Processes(self._earlier),
            CoolDown(own),
        )

    def _job(self, trial: Trial) -> TrialJob:
        variant = trial.cell.variant
        wanted = self._scenario.accuracy
        task = None
        if trial.cell.purpose == "accuracy" and wanted is not None:
            task = self._source.task_of(variant, wanted)
        return TrialJob(
            trial,
            self._source.path_of(variant),
            self._source.inputs_of(variant),
            task,
            build_path(self._scenario, trial.cell),
        )

    def _heed_signals(self, stack: ExitStack) -> None:
        """Ctrl-C and SIGTERM ask the workers to stop; they tidy up, and the run ends by itself."""

        def stop(_number: int, _frame: object) -> None:
            self._cancel.cancel("interrupted by the user")

        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, stop))

    def _close(self) -> None:
        self._writer.close("interrupted" if self._cancel.cancelled else "complete")
