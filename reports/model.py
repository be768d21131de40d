"""The report as data: what every renderer draws from. Frozen, thinned, free of raw samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.findings import Severity
from harness.record import Cause, DeviceFacts, Outcome, SoakWindow
from harness.stats.interval import Estimate
from harness.stats.operators import Profile
from harness.validity.accuracy import AccuracyLoss

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a line, thinned for display."""

    x: FloatArray
    y: FloatArray


@dataclass(frozen=True, slots=True)
class Channel:
    """A telemetry channel for people, its values already in ``unit``."""

    name: str
    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class TrialSeries:
    """One trial over time.

    ``x`` counts seconds from the start of the timed part, so warm-up lies left of zero;
    ``latency.y`` is in milliseconds. ``shown_of`` says how many inferences the thinned line stands
    for; extremes are kept.
    """

    latency: Curve
    shown_of: int
    minutes: Curve | None = None  #: median latency of each minute; None for short trials
    curves: dict[str, Curve] = field(default_factory=dict)  #: by channel name
    unavailable: dict[str, str] = field(default_factory=dict)  #: channel name to reason


@dataclass(frozen=True, slots=True)
class QuantileCurve:
    """Latency in ms (``value``) at each ``probability``; ``low``/``high`` span the trials.

    ``value`` is the geometric mean over trials of the latency at that probability.
    """

    probability: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class SeenFinding:
    """A finding on a cell: on how many of its trials, and what was seen (distinct texts)."""

    id: str
    severity: Severity
    trials: int
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding over the whole report, with the mark that tables print beside numbers."""

    id: str
    mark: str
    severity: Severity
    summary: str
    advice: str
    trials: int
    cells: int
    everywhere: bool  #: on every cell that has a number
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial as a row of a cell's details."""

    id: str
    repeat: int
    attempt: int
    outcome: Outcome
    started_at: str
    reason: str
    metrics: dict[str, float]
    finding_ids: tuple[str, ...]
    windows: tuple[SoakWindow, ...] = ()  #: of a sustained load


@dataclass(frozen=True, slots=True)
class Picture:
    """The screen of a phone when something covered the runner, for one trial.

    ``png`` is None where the page does not bear it; ``left_out`` says why.
    """

    path: str  #: in the results folder: ``runs/<run>/trials/<trial>/screen.png``
    size: tuple[int, int] = (0, 0)  #: width and height in pixels
    png: bytes | None = None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Trials of a cell or a report by what became of them. ``missing`` were never finished."""

    planned: int = 0
    ok: int = 0
    failed: int = 0
    skipped: int = 0
    invalid: int = 0
    missing: int = 0

    @property
    def text(self) -> str:
        """``3 OK`` or ``2 OK, 1 failed``: only what is not zero."""
        parts = (
            (self.ok, "OK"),
            (self.failed, "failed"),
            (self.invalid, "invalid"),
            (self.skipped, "skipped"),
            (self.missing, "not run"),
        )
        return ", ".join(f"{count} {word}" for count, word in parts if count) or "none planned"


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell of one run. ``estimates`` holds OK trials only; an absent metric is unmeasured."""

    anchor: str  #: unique in the report, safe in HTML: ``c3``
    key: str
    run_id: str
    purpose: str
    primary: str  #: the metric this load kind is about
    facets: dict[str, str]  #: see ``labels.FACETS``
    precision: str
    group: tuple[str, ...]  #: cells with equal groups answer the same question
    digest: str
    counts: Counts
    estimates: dict[str, Estimate]
    phases: dict[str, Estimate]  #: start-up phases in ns, by ``labels.PHASES``
    findings: tuple[SeenFinding, ...]
    trials: tuple[TrialRow, ...]
    quantiles: QuantileCurve | None = None
    series: dict[str, TrialSeries] = field(default_factory=dict)  #: by trial id
    pictures: dict[str, Picture] = field(default_factory=dict)  #: by trial id
    simulated: bool = False
    loss: AccuracyLoss | None = None  #: of the accuracy pass, against the float32 variant
    profile: Profile | None = None  #: of the profile pass
    power_sources: tuple[str, ...] = ()  #: where energy was asked for, in words; may say none

    @property
    def label(self) -> str:
        """The variant's name; facets say the rest."""
        return self.facets["model"]

    @property
    def good_trials(self) -> tuple[TrialRow, ...]:
        """The OK trials, in the order of repeats."""
        return tuple(row for row in self.trials if row.outcome is Outcome.OK)

    def metric_values(self, metric: str) -> tuple[float, ...]:
        """``metric`` of every OK trial that has it, in the order of repeats."""
        return tuple(row.metrics[metric] for row in self.good_trials if metric in row.metrics)


@dataclass(frozen=True, slots=True)
class FailureView:
    """One failed trial."""

    run_id: str
    trial_id: str
    cell: str
    cause: Cause
    message: str
    signal_name: str | None
    log_tail: str


@dataclass(frozen=True, slots=True)
class SkipView:
    """A part of the matrix, or a trial, that was not measured."""

    run_id: str
    device_id: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of the report."""

    run_id: str
    scenario: str
    label: str | None
    created_at: str
    ended_at: str | None
    counts: Counts
    harness: dict[str, str]
    scenario_text: str
    facts: tuple[DeviceFacts, ...]
    engines: tuple[str, ...]  #: ``tflite 2.3.0`` as the runners reported them


@dataclass(frozen=True, slots=True)
class ReportModel:
    """Everything a renderer needs."""

    runs: tuple[RunView, ...]
    cells: tuple[CellView, ...]
    findings: tuple[FindingView, ...]
    failures: tuple[FailureView, ...]
    skips: tuple[SkipView, ...]
    channels: dict[str, Channel]
    counts: Counts
    mixed: tuple[str, ...] = ()  #: what runs of one report differ in, though their cells look alike

    @property
    def simulated(self) -> bool:
        """Whether any number comes from a simulated device."""
        return any(cell.simulated for cell in self.cells)

    @property
    def fresh(self) -> bool:
        """Whether every trial had a process of its own."""
        return all(view.id != "PROCESS-REUSED" for view in self.findings)

    def finding(self, finding_id: str) -> FindingView:
        """The view of one finding by its ID."""
        return next(view for view in self.findings if view.id == finding_id)
