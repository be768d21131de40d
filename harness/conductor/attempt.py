"""What one attempt at a trial has gathered so far, and the record it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.channels import METER_POWER
from harness.conditions import Cooling
from harness.conductor.metrics import is_used, repeat_metrics, trial_metrics
from harness.device import Reading, Runner
from harness.findings import finding
from harness.record import (
    BlockRecord,
    ChannelRecord,
    ClockOffset,
    DeviceState,
    Failure,
    LoadTimes,
    OptionValue,
    Outcome,
    PhaseSpan,
    Placement,
    SoakWindow,
    Trial,
    TrialRecord,
)
from harness.scenario import Sustained
from harness.stats.operators import Profile
from harness.stats.samples import Int64Array, Samples
from harness.stats.soak import Edges, soak_windows
from harness.stats.summary import undisturbed
from harness.stats.throttle import LATE_NS, PEAK_NS
from harness.store.columns import Trace
from harness.store.trial_writer import TrialWriter
from harness.validity.checks import TrialEvidence, apply_require, check_trial
from harness.validity.energy.series import Span, Windows
from harness.validity.energy.sources import (
    EnergyVerdict,
    PowerEvidence,
    judge_energy,
    power_channels,
)
from harness.validity.placement.verdict import trial_placement
from harness.variant import TensorSpec
from harness.wire.messages import Loaded, Ready, WireTensor

if TYPE_CHECKING:
    from harness.conductor.conductor import RunContext
    from harness.models.evaluation import Score

#: An answer of several images' size; those of classifiers have kilobytes.
_MOST_ANSWER_BYTES = 8 << 20


class Attempt:
    """Filled phase by phase; samples and readings go straight to the store."""

    def __init__(self, trial: Trial, writer: TrialWriter, started_at: datetime) -> None:
        self.trial = trial
        self._writer = writer
        self._started_at = started_at
        self.state_before = DeviceState()
        self.state_after = DeviceState()
        self.channels: tuple[ChannelRecord, ...] = ()
        self.clock_offsets: list[ClockOffset] = []
        self.ready: Ready | None = None
        self.loaded: Loaded | None = None
        self.launch_ns: int | None = None
        self.first_ns: int | None = None
        self.process_to_first_ns: int | None = None
        self.input_digests: tuple[str, ...] = ()
        self.warmup_capped = False
        self.cooling: Cooling | None = None
        self.guarded = False  #: whether sensors watched the blocks
        self._missed: list[str] = []  #: start conditions that were not met
        self.unprepared: tuple[str, ...] = ()
        self.idle_spans: list[tuple[int, int]] = []  #: on the host's clock
        self.score: Score | None = None  #: of the accuracy pass
        self.operators_ns: float | None = None  #: of the profile pass
        self.unavailable: str | None = None  #: why the trial is left out after all
        self.found = False  #: whether it goes on with the session of an earlier attempt
        self.reused = False  #: whether the process had served an earlier trial
        self.counts = True  #: whether no trial of its process counts already
        self.failure: Failure | None = None
        self.runner_log = ""

    def miss(self, condition: str | None) -> None:
        """Remember a start condition that was not met in time."""
        if condition is not None:
            self._missed.append(condition)

    def add_block(
        self, block: BlockRecord, columns: Mapping[str, Int64Array], process_start_ns: int
    ) -> None:
        """Store a block; the first one also tells the first inference and the cold start."""
        self._writer.add_block(block, columns)
        if self.first_ns is None and block.count:
            service = sum(int(columns[name][0]) for name in ("input_ns", "invoke_ns", "output_ns"))
            self.first_ns = service
            if process_start_ns:
                ended_ns = int(columns["start_ns"][0]) + service
                self.process_to_first_ns = ended_ns - process_start_ns

    def leave(self, way_back: bytes) -> None:
        """Keep the way back to a device that is left alone."""
        self._writer.leave(way_back)

    def add_channels(self, now: Sequence[ChannelRecord]) -> None:
        """Channels that show themselves late; what is known stays, the runner's own included.

        Only a meter says by its channel that it was lost meanwhile.
        """
        known = {item.name: item for item in self.channels}
        for item in now:
            before = known.get(item.name)
            if before is None or before.unavailable is not None or item.name == METER_POWER:
                known[item.name] = item
        self.channels = tuple(known.values())

    def taint(self, block: BlockRecord, reason: str) -> None:
        """Mark a stored block as disturbed."""
        self._writer.taint(block.seq, reason)

    def keep_answer(self, outputs: Sequence[NDArray[np.generic]]) -> None:
        """Store one answer of the model, unless it is larger than a comparison is worth."""
        if sum(array.nbytes for array in outputs) <= _MOST_ANSWER_BYTES:
            self._writer.add_outputs(outputs)

    def keep_screenshot(self, png: bytes) -> None:
        """Store what the device showed when something covered the runner."""
        self._writer.add_screenshot(png)

    def add_profile(self, profile: Profile) -> None:
        """Store the profile."""
        self._writer.add_profile(profile)
        self.operators_ns = profile.operators_ns

    def add_readings(self, readings: Sequence[Reading]) -> None:
        """Store telemetry."""
        if readings:
            self._writer.add_readings(readings)

    def keep_log_of(self, runner: Runner) -> None:
        """Remember what the runner wrote."""
        self.runner_log = runner.log_text()

    def record(
        self, context: RunContext, phases: tuple[PhaseSpan, ...], ended_at: datetime
    ) -> TrialRecord:
        """The attempt as a record: metrics computed, findings checked, outcome decided."""
        cell = self.trial.cell
        times = self._load_times()
        samples, blocks = self._writer.samples(), self._writer.blocks()
        wanted = power_channels(self.channels) if self.idle_spans else frozenset[str]()
        traces = self._traces_on_runner_clock(wanted)
        placed = self._placed()
        tainted = tuple(block for block in blocks if block.tainted) if self.guarded else ()
        clean = undisturbed(samples, blocks) if tainted else (samples, blocks)
        metrics = trial_metrics(cell, times, *clean, traces, context.memory)
        metrics |= repeat_metrics(samples, blocks) if self.guarded else {}
        metrics |= self.score.metrics if self.score else {}
        if self.operators_ns is not None:
            metrics["operators_ns"] = self.operators_ns
        energy = self._energy(context, blocks, traces)
        metrics |= energy.metrics if energy else {}
        if energy and isinstance(cell.load, Sustained):
            metrics |= self._energy_regimes(context, samples, blocks, traces)
        findings = check_trial(
            TrialEvidence(
                cell=cell,
                metrics=metrics,
                samples=clean[0],
                blocks=clean[1],
                tainted=tainted,
                traces=traces,
                facts=context.facts,
                memory=context.memory,
                warmup_capped=self.warmup_capped,
                gate_timeout="; ".join(self._missed) or None,
                cooling=self.cooling,
                channels=self.channels,
                states=(self.state_before, self.state_after),
                host_cores=float(context.harness.get("host_cores", 0)),
                unprepared=self.unprepared,
                placement=placed,
            )
        )
        if energy:
            findings += energy.findings
        if self.reused:
            findings += (finding("PROCESS-REUSED", "the process had served an earlier trial"),)
        outcome, reason = Outcome.FAILED, None
        if self.failure is None:
            outcome, reason = apply_require(Outcome.OK, findings, context.require, placed)
            if self.unavailable is not None:
                outcome, reason = Outcome.SKIPPED, self.unavailable
            elif not self.counts:
                outcome, reason = Outcome.SKIPPED, "shares its process with an earlier trial"
        return TrialRecord(
            run_id=context.run_id,
            trial=self.trial,
            attempt=self._writer.attempt,
            outcome=outcome,
            started_at=self._started_at.isoformat(timespec="milliseconds"),
            ended_at=ended_at.isoformat(timespec="milliseconds"),
            reason=reason,
            failure=self.failure,
            runner=dict(self.ready.facts) if self.ready else {},
            engine=self._engine_facts(),
            inputs=tensor_specs(self.loaded.inputs) if self.loaded else (),
            outputs=tensor_specs(self.loaded.outputs) if self.loaded else (),
            input_digests=self.input_digests,
            placement=dict(self.loaded.placement) if self.loaded else {},
            placed=placed,
            accuracy=self.score.accuracy if self.score else None,
            energy=energy.record if energy else None,
            load_times=times,
            warmup_capped=self.warmup_capped,
            cooling=self.cooling,
            windows=self._windows(context, samples, blocks, traces),
            phases=phases,
            channels=self.channels,
            clock_offsets=tuple(self.clock_offsets),
            state_before=self.state_before,
            state_after=self.state_after,
            metrics=metrics,
            findings=findings,
            harness=context.harness,
        )

    def _windows(
        self,
        context: RunContext,
        samples: Samples,
        blocks: Sequence[BlockRecord],
        traces: Mapping[str, Trace],
    ) -> tuple[SoakWindow, ...]:
        """The windows of a sustained load; their power is judged as the whole trial's is."""
        cell = self.trial.cell
        if not isinstance(cell.load, Sustained) or cell.purpose != "timing":
            return ()

        def power_w(edges: Edges) -> float | None:
            found = self._energy(context, blocks, traces, Span(*edges))
            return found.metrics.get("power_mean_w") if found else None

        return soak_windows(samples, traces, power_w)

    def _energy(
        self,
        context: RunContext,
        blocks: Sequence[BlockRecord],
        traces: Mapping[str, Trace],
        part: Span | None = None,
    ) -> EnergyVerdict | None:
        """Energy per inference, where the trial idled before and after its work; ``part`` of it."""
        timed = [block for block in blocks if block.timed]
        if context.energy is None or len(self.idle_spans) < 2 or not timed:
            return None
        before, after = (
            Span(*(int(edge) for edge in self._on_runner_clock(np.array(span, np.int64))))
            for span in self.idle_spans
        )
        run = part or Span(timed[0].started_at_ns, timed[-1].ended_at_ns)
        evidence = PowerEvidence(
            traces,
            self.channels,
            str(self.state_before.values.get("battery.status", "")),
            usb_power_cut=context.lab is not None and context.lab.usb_power == "cut",
        )
        inferences = sum(block.count for block in timed)
        windows = Windows(before, run, after)
        return judge_energy(context.energy.source, evidence, windows, inferences)

    def _energy_regimes(
        self,
        context: RunContext,
        samples: Samples,
        blocks: Sequence[BlockRecord],
        traces: Mapping[str, Trace],
    ) -> dict[str, float]:
        """Gross energy per inference of a rested device and of one at work for long."""
        start_ns = samples.timed_only.start_ns
        if not len(start_ns) or start_ns[-1] - start_ns[0] < PEAK_NS + LATE_NS:
            return {}
        begin_ns, end_ns = int(start_ns[0]), int(start_ns[-1])
        parts = {
            "energy_peak_j": Span(begin_ns, begin_ns + PEAK_NS),
            "energy_late_j": Span(end_ns - LATE_NS, end_ns),
        }
        found = {}
        for name, part in parts.items():
            energy = self._energy(context, blocks, traces, part)
            power_w = energy.metrics.get("power_mean_w") if energy else None
            inside = (start_ns >= part.start_ns) & (start_ns < part.end_ns)
            if power_w is not None and inside.any():
                found[name] = power_w * part.seconds / int(np.count_nonzero(inside))
        return found

    def _traces_on_runner_clock(self, names: frozenset[str]) -> dict[str, Trace]:
        """Telemetry moved to the clock of the samples, so that both can be laid side by side."""
        wanted = {
            item.name: item.clock
            for item in self.channels
            if item.unavailable is None and (item.name in names or is_used(item.name))
        }
        return {
            name: Trace(
                self._on_runner_clock(trace.at_ns) if wanted[name] == "host" else trace.at_ns,
                trace.value,
            )
            for name, trace in self._writer.traces(wanted).items()
        }

    def offset_ns(self, runner_ns: int) -> int:
        """The runner's clock minus the host's when the runner's showed ``runner_ns``."""
        known = sorted((one.host_ns + one.offset_ns, one.offset_ns) for one in self.clock_offsets)
        if not known:
            return 0
        times, offsets = zip(*known, strict=True)
        return round(float(np.interp(runner_ns, times, offsets)))

    def _on_runner_clock(self, host_ns: Int64Array) -> Int64Array:
        """Times of the host on the runner's clock; the offset is interpolated between the pings."""
        if not self.clock_offsets:
            return host_ns
        known = sorted((offset.host_ns, offset.offset_ns) for offset in self.clock_offsets)
        times, offsets = zip(*known, strict=True)
        between: Int64Array = np.rint(np.interp(host_ns, times, offsets)).astype(np.int64)
        return host_ns + between

    def _engine_facts(self) -> dict[str, OptionValue]:
        if self.loaded is None:
            return {}
        return {**self.loaded.engine, "cache_state": self.loaded.cache_state}

    def _placed(self) -> Placement | None:
        if self.loaded is None:
            return None
        evidence, engine = self.loaded.placement, self.loaded.engine
        return trial_placement(self.trial.cell, evidence, engine, self.runner_log)

    def _load_times(self) -> LoadTimes:
        loaded = self.loaded
        return LoadTimes(
            launch_ns=self.launch_ns,
            import_ns=loaded.import_ns if loaded else None,
            load_ns=loaded.load_ns if loaded else None,
            prepare_ns=loaded.prepare_ns if loaded else None,
            first_ns=self.first_ns,
            process_to_first_ns=self.process_to_first_ns,
        )


def tensor_specs(tensors: Sequence[WireTensor]) -> tuple[TensorSpec, ...]:
    """The wire's tensors as records keep them."""
    return tuple(
        TensorSpec(
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            scale=float(tensor.scale) if tensor.scale else None,
            zero_point=tensor.zero_point if tensor.scale else None,
        )
        for tensor in tensors
    )
