"""Everything that can be doubted about one trial or one cell, in one place.

Each check is a pure function that yields findings (:mod:`adequacy`, :mod:`steadiness` and
:mod:`surroundings`); here they are given what they need, and here a scenario's ``require`` is
applied to what they found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.channels import BEHIND, COVERED, FOREIGN_CPU
from harness.conditions import Cooling
from harness.findings import Finding
from harness.record import (
    BlockRecord,
    Cell,
    ChannelRecord,
    DeviceFacts,
    DeviceState,
    Outcome,
    Placement,
    PlacementVerdict,
)
from harness.scenario import Cold, MemoryPass, Require
from harness.stats.samples import Samples
from harness.stats.traces import Trace, mean_within
from harness.validity import adequacy, heat, sensors, steadiness, surroundings
from harness.validity.placement.verdict import placement_doubts


@dataclass(frozen=True, slots=True)
class TrialEvidence:
    """What one trial left behind, as far as the checks look at it.

    ``samples`` and ``blocks`` may contain warm-up; only the timed ones are looked at. ``traces``
    are by channel name, with times on the runner's clock. ``gate_timeout`` says what the start
    gate was still waiting for when it gave up, None when it opened. ``memory`` is the scenario's
    memory pass, if there is one.
    """

    cell: Cell
    metrics: Mapping[str, float]
    samples: Samples
    blocks: Sequence[BlockRecord]
    facts: DeviceFacts
    traces: Mapping[str, Trace] = field(default_factory=dict)
    warmup_capped: bool = False
    tainted: Sequence[BlockRecord] = ()  #: disturbed blocks, which ``blocks`` lacks if it can
    gate_timeout: str | None = None
    cooling: Cooling | None = None  #: the thermal gate; None where it was not asked
    channels: Sequence[ChannelRecord] = ()
    states: Sequence[DeviceState] = ()  #: before and after the trial
    host_cores: float = 0.0  #: of the lab machine; 0 where unknown
    unprepared: tuple[str, ...] = ()  #: settings that could not be made, with reasons
    memory: MemoryPass | None = None
    placement: Placement | None = None  #: None where no model was loaded


def check_trial(evidence: TrialEvidence) -> tuple[Finding, ...]:
    """All findings on one trial, in a stable order."""
    found = list(_on_device(evidence))
    if evidence.cell.purpose == "memory":
        found += adequacy.short_memory_wait(evidence.memory or MemoryPass())
    if evidence.cell.purpose == "timing":
        found += _on_timing(evidence)
    return tuple(found)


def check_cell(valid_trials: int) -> tuple[Finding, ...]:
    """Findings that belong to a cell as a whole; ``valid_trials`` counts its OK trials."""
    return tuple(adequacy.few_trials(valid_trials))


def apply_require(
    outcome: Outcome,
    findings: Iterable[Finding],
    require: Require,
    placement: Placement | None = None,
) -> tuple[Outcome, str | None]:
    """INVALID with the reason where an OK trial is not what the scenario asked for.

    That is: a finding it forbids, a placement it does not allow, and in any case a fallback, whose
    numbers must not stand under the delegate's name. Other outcomes stay as they are.
    """
    if outcome is not Outcome.OK:
        return outcome, None
    reason = _forbidden(findings, require) or _misplaced(require, placement)
    return (Outcome.INVALID, reason) if reason else (outcome, None)


def _forbidden(findings: Iterable[Finding], require: Require) -> str | None:
    forbidden = [item for item in findings if item.id in require.absent]
    seen = "; ".join(f"{item.id} ({item.seen})" for item in forbidden)
    return f"the scenario requires absent: {seen}" if forbidden else None


def _misplaced(require: Require, placement: Placement | None) -> str | None:
    verdict = placement.verdict if placement else PlacementVerdict.UNPROVEN
    seen = placement.text if placement else "nothing is known of it"
    if require.placement == "full" and verdict is not PlacementVerdict.FULL:
        return f"the scenario requires placement: full; it was {seen}"
    if verdict is PlacementVerdict.FELL_BACK:
        return f"the delegate took nothing of the graph: {seen}"
    return None


def _on_device(evidence: TrialEvidence) -> Iterator[Finding]:
    """Checks that hold for every kind of trial."""
    cell, facts = evidence.cell, evidence.facts.values
    yield from surroundings.simulated_device(evidence.facts.device_id, facts)
    yield from surroundings.variant_doubts(cell)
    yield from surroundings.governor_not_fixed(facts)
    yield from surroundings.gate_timeout(evidence.gate_timeout)
    yield from heat.no_thermal_sensor(evidence.cooling)
    yield from heat.ambient_unrecorded(evidence.channels, evidence.traces)
    yield from surroundings.not_prepared(evidence.unprepared)
    yield from surroundings.app_covered(evidence.traces.get(COVERED), evidence.traces.get(BEHIND))
    yield from placement_doubts(cell, evidence.placement)


def _on_timing(evidence: TrialEvidence) -> Iterator[Finding]:
    """Checks of latencies and of what was going on while they were taken."""
    cell, metrics = evidence.cell, evidence.metrics
    timed = evidence.samples.timed_only
    blocks = _TimedBlocks.of(evidence.blocks)
    amount = adequacy.Amount(len(timed), blocks.busy_ns, blocks.dropped)
    yield from adequacy.few_samples(cell, amount, metrics)
    short = any(True for _ in adequacy.few_samples(cell, amount, metrics))
    yield from adequacy.repeated(evidence.tainted, metrics, still=short or blocks.tainted)
    yield from adequacy.short_run(cell)
    yield from steadiness.untrusted_clock(timed)
    yield from steadiness.dropped_frames(metrics)
    yield from surroundings.interference(_foreign_cpu(evidence, blocks), evidence.facts.values)
    part = heat.TimedPart.of(evidence.blocks)
    yield from sensors.neighbour_load(evidence.traces, part, evidence.host_cores)
    if evidence.states:
        yield from heat.start_state(evidence.states[0], evidence.cooling, evidence.traces)
    if isinstance(cell.load, Cold):
        return  # one inference: no tail, no series
    latency_ns = timed.latency_ns
    yield from adequacy.tail_unsupported(len(latency_ns))
    yield from steadiness.warmup_capped(cell.load.warmup, capped=evidence.warmup_capped)
    yield from steadiness.drift(latency_ns)
    slower = steadiness.became_slower(latency_ns, metrics)
    yield from heat.thermal_throttled(evidence.traces, part, evidence.states, slower=slower)
    yield from sensors.sensor_fault(evidence.traces, part)
    yield from sensors.probe_effect(timed, evidence.traces)
    yield from steadiness.not_steady(cell.load.warmup, latency_ns, capped=evidence.warmup_capped)
    yield from steadiness.outliers(latency_ns)
    work_ns = int(timed.input_ns.sum() + timed.invoke_ns.sum() + timed.output_ns.sum())
    yield from surroundings.cpu_starved(cell, blocks.cpu_ns, work_ns)


@dataclass(frozen=True, slots=True)
class _TimedBlocks:
    """The timed blocks together."""

    begin_ns: int
    end_ns: int
    busy_ns: int  #: their own durations together
    cpu_ns: int
    dropped: int
    tainted: bool

    @classmethod
    def of(cls, blocks: Iterable[BlockRecord]) -> _TimedBlocks:
        timed = [block for block in blocks if block.timed]
        return cls(
            begin_ns=min((block.started_at_ns for block in timed), default=0),
            end_ns=max((block.ended_at_ns for block in timed), default=0),
            busy_ns=sum(block.ended_at_ns - block.started_at_ns for block in timed),
            cpu_ns=sum(block.cpu_ns for block in timed),
            tainted=any(block.tainted is not None for block in timed),
            dropped=sum(block.dropped for block in timed),
        )


def _foreign_cpu(evidence: TrialEvidence, blocks: _TimedBlocks) -> float | None:
    """CPU of everyone else during the timed part; the trial's own metric where no reading fell
    into it, as in runs shorter than the time between readings.
    """
    trace = evidence.traces.get(FOREIGN_CPU)
    within = None if trace is None else mean_within(trace, blocks.begin_ns, blocks.end_ns)
    return evidence.metrics.get("foreign_cpu_percent") if within is None else within
