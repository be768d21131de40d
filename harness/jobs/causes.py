"""What else differs between two arms of which one is slower: where to look first.

Nothing here proves a cause. It lists what was seen to differ, the likeliest first: where the graph
ran, what was run, at which frequency, with how much memory and processor time, and which doubts
only one arm has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.findings import Severity
from harness.jobs.pairing import quads_of
from harness.metrics import METRICS
from harness.record import OptionValue, PlacementVerdict, TrialRecord
from harness.stats.comparison import Verdict, compare, compare_quads
from harness.stats.interval import MIN_TRIALS
from harness.stats.margins import margin_of
from harness.stats.operators import by_type
from harness.store.run_reader import RunReader
from harness.units import BYTES_PER_MIB, format_ms
from harness.validity.comparability import Side

#: What may explain a latency, in the order in which it is told.
_TELLING = (
    *("cpu_per_inference_ns", "rss_peak_bytes"),
    *("load_ns", "prepare_ns", "first_ns"),
)
_FREQUENCIES = ("cpu.frequency_khz.", "gpu.frequency_khz")
_FREQUENCY_MARGIN = 0.02
#: So many types of operators are told at most, each with such a part of the whole time.
_OPERATORS, _OPERATOR_SHARE = 3, 0.02
NOTHING_SEEN = (
    "nothing else was seen to differ: placement, model size, engine, frequency, memory, load times "
    "and findings are alike"
)


def likely_causes(
    reference: Side, candidate: Side, metric: str, runs: Mapping[str, RunReader]
) -> tuple[str, ...]:
    """What differs between the arms besides ``metric``, one line each; never empty."""
    found = (
        *_placement(reference, candidate),
        *_what_ran(reference, candidate),
        *_frequencies(reference, candidate, runs),
        *_operators(reference, candidate, runs),
        *_metrics(reference, candidate, metric),
        *_doubts(reference, candidate),
    )
    return found or (NOTHING_SEEN,)


def _placement(reference: Side, candidate: Side) -> Iterator[str]:
    theirs, ours = (
        _distinct(_placed(record) for record in side.records) for side in (reference, candidate)
    )
    by_itself = candidate.cell.delegate == "cpu"  # needs no proof, and some builds tell none
    unproven = PlacementVerdict.UNPROVEN.value in (theirs, ours)
    if theirs != ours and not (by_itself and unproven):
        yield f"placement: {ours}, reference {theirs}"


def _placed(record: TrialRecord) -> str:
    return record.placed.text if record.placed else "unknown"


def _what_ran(reference: Side, candidate: Side) -> Iterator[str]:
    theirs, ours = reference.cell, candidate.cell
    if theirs.variant.digest != ours.variant.digest:
        yield (
            f"model file: {ours.variant.digest[:12]} of {_mib(ours.variant.size_bytes)}, "
            f"reference {theirs.variant.digest[:12]} of {_mib(theirs.variant.size_bytes)}"
        )
    if theirs.options != ours.options:
        yield f"options: {_settings(ours.options)}, reference {_settings(theirs.options)}"
    if theirs.build != ours.build:
        yield f"engine build: {ours.build}, reference {theirs.build}"
    versions = [
        _distinct(str(record.engine.get("version", "unknown")) for record in side.records)
        for side in (candidate, reference)
    ]
    if versions[0] != versions[1]:
        yield f"engine version: {versions[0]}, reference {versions[1]}"


def _metrics(reference: Side, candidate: Side, metric: str) -> Iterator[str]:
    for name in _TELLING:
        quads = quads_of(reference, candidate, name) if name != metric else []
        if len(quads) < 2:
            continue
        found = compare_quads(quads, margin=margin_of(name).relative, better="lower")
        if found.verdict in (Verdict.WORSE, Verdict.BETTER) and found.ratio:
            yield f"{METRICS[name].title}: {found.ratio.value:.3f} times the reference"


def _frequencies(reference: Side, candidate: Side, runs: Mapping[str, RunReader]) -> Iterator[str]:
    theirs, ours = _mean_frequencies(reference, runs), _mean_frequencies(candidate, runs)
    for channel in sorted(theirs.keys() & ours.keys()):
        if min(len(theirs[channel]), len(ours[channel])) < MIN_TRIALS:
            continue
        found = compare(theirs[channel], ours[channel], margin=_FREQUENCY_MARGIN, better="higher")
        if found.verdict in (Verdict.WORSE, Verdict.BETTER) and found.ratio:
            yield f"{channel}: {found.ratio.value:.3f} times the reference"


def _mean_frequencies(side: Side, runs: Mapping[str, RunReader]) -> dict[str, list[float]]:
    """The mean of each frequency channel in each trial."""
    found: dict[str, list[float]] = {}
    for record in side.records:
        channels = [c.name for c in record.channels if c.name.startswith(_FREQUENCIES)]
        if not channels or record.run_id not in runs:
            continue
        trial = runs[record.run_id].trial(record.trial.id)
        for channel in channels:
            values = trial.trace(channel).value
            if len(values):
                found.setdefault(channel, []).append(float(np.mean(values)))
    return found


def _operators(reference: Side, candidate: Side, runs: Mapping[str, RunReader]) -> Iterator[str]:
    """The types of operators that differ most, where the scenario has a profile pass."""
    theirs, ours = _type_times(reference, runs), _type_times(candidate, runs)
    if theirs is None or ours is None:
        return
    more = {kind: ours.get(kind, 0.0) - theirs.get(kind, 0.0) for kind in theirs | ours}
    whole = sum(theirs.values())
    telling = [kind for kind in more if abs(more[kind]) > _OPERATOR_SHARE * whole]
    for kind in sorted(telling, key=lambda kind: -abs(more[kind]))[:_OPERATORS]:
        op_type, processor = kind
        yield (
            f"operators {op_type} on {processor}: {_ms(ours.get(kind, 0.0))} an inference, "
            f"reference {_ms(theirs.get(kind, 0.0))} (profiler on, one trial each)"
        )


def _type_times(side: Side, runs: Mapping[str, RunReader]) -> dict[tuple[str, str], float] | None:
    """Nanoseconds an inference by type of operator and processor, from the arm's profile pass."""
    for run in runs.values():
        for trial in run.plan.trials:
            cell = trial.cell
            if cell.purpose != "profile" or not run.has(trial.id):
                continue
            if replace(cell, purpose="timing", load=side.cell.load) == side.cell:
                found = run.trial(trial.id).profile()
                if found is not None:
                    return {
                        (one.op_type, one.processor): one.total_ns / found.runs
                        for one in by_type(found)
                    }
    return None


def _ms(ns: float) -> str:
    return f"{format_ms(ns)} ms"


def _doubts(reference: Side, candidate: Side) -> Iterator[str]:
    """Findings, more than notes, on most trials of one arm and none of the other."""
    theirs, ours = _finding_counts(reference.records), _finding_counts(candidate.records)
    for name in sorted(theirs.keys() | ours.keys()):
        for mine, other, side, what in (
            (ours, theirs, candidate, "candidate"),
            (theirs, ours, reference, "reference"),
        ):
            if not other[name] and 2 * mine[name] > len(side.records):
                yield f"{name} on {mine[name]} of {len(side.records)} trials of the {what} only"


def _finding_counts(records: Sequence[TrialRecord]) -> Counter[str]:
    return Counter(
        item
        for record in records
        for item in {one.id for one in record.findings if one.severity is not Severity.NOTE}
    )


def _distinct(texts: Iterator[str]) -> str:
    return " and ".join(sorted(set(texts))) or "unknown"


def _settings(options: Mapping[str, OptionValue]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(options.items())) or "none"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / BYTES_PER_MIB:.2f} MiB"
