"""What a run leaves behind: cells, trials and their records. Pure data, frozen.

The trial is the unit of statistics. A :class:`TrialRecord` exists for every planned trial,
whatever became of it: an outcome is OK, FAILED, SKIPPED or INVALID, never absent.
Times named ``*_ns`` without a clock in their name are durations.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Literal

from harness.conditions import Cooling
from harness.findings import Finding
from harness.scenario import Cold, Load, Offline
from harness.variant import TensorSpec, Variant

#: Version of ``trial.json``; history in docs/results-format.md.
RECORD_VERSION = 1

OptionValue = str | int | float | bool
Purpose = Literal["timing", "memory", "accuracy", "profile"]


class Outcome(StrEnum):
    """What became of a planned trial."""

    OK = "OK"
    FAILED = "FAILED"  #: it was tried; ``failure`` says what happened
    SKIPPED = "SKIPPED"  #: it was not tried; ``reason`` says why
    INVALID = "INVALID"  #: measured, but not what was asked for: ``reason`` says what is wrong


class Cause(StrEnum):
    """Why a trial failed."""

    OFFLINE = "OFFLINE"
    BUSY = "BUSY"
    CRASHED = "CRASHED"  #: the runner was ended by a signal or exited
    REJECTED = "REJECTED"  #: the engine or delegate refused, in its own words
    TIMEOUT = "TIMEOUT"
    PROTOCOL = "PROTOCOL"
    INTERRUPTED = "INTERRUPTED"  #: Ctrl-C, or the host was killed
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the matrix on one device.

    ``purpose`` keeps the passes apart that do not measure time; their ``load`` is what is done
    meanwhile, and for accuracy stands for nothing: the samples of the dataset are inferred once.
    ``arm`` is the side of a comparison (``reference`` or ``candidate``), empty in scenarios without
    arms. ``build`` pins the engine build that the arm names: digest and what it is, for people.
    """

    device_id: str
    variant: Variant
    engine: str
    delegate: str
    threads: int
    batch: int
    load: Load
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    options: dict[str, OptionValue] = field(default_factory=dict)
    purpose: Purpose = "timing"
    arm: str = ""
    build: str = ""

    @property
    def primary_metric(self) -> str:
        """The metric that the load kind, or the pass, is about."""
        if self.purpose == "memory":
            return "rss_steady_bytes"
        if self.purpose == "accuracy":
            return "accuracy_top1"
        if self.purpose == "profile":
            return "operators_ns"
        match self.load:
            case Offline():
                return "throughput_per_s"
            case Cold():
                return "cold_start_ns"
            case _:
                return "latency_p50_ns"

    @property
    def key(self) -> str:
        """A stable, readable, file-safe name: equal cells have equal keys on every host."""
        # Cells without arms keep the keys they had before there were any.
        told = {k: v for k, v in asdict(self).items() if v != "" or k not in ("arm", "build")}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[
            :8
        ]
        parts = (
            self.variant.model,
            self.variant.name,
            self.engine,
            self.delegate,
            f"t{self.threads}",
            f"b{self.batch}",
            self.load.kind if self.purpose == "timing" else self.purpose,
            *([self.arm] if self.arm else []),
        )
        safe = "-".join("".join(c if c.isalnum() or c in "_." else "_" for c in p) for p in parts)
        return f"{safe[:80]}-{digest}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One planned repeat of a cell, in the order it is to run.

    Four trials of two arms with one ``quad`` number are next to each other in time, in the order
    A B B A or B A A B; the numbers are unique in a run.
    """

    id: str  #: ``<cell key>-r<repeat>``
    cell: Cell
    repeat: int  #: 0-based
    order: int  #: position in the plan
    quad: int | None = None
    quad_place: int = 0  #: 0 to 3 within its quad


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial failed, as far as anybody knows."""

    cause: Cause
    message: str
    signal_name: str | None = None
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One phase of the conductor on the host's monotonic clock."""

    name: str
    started_at_ns: int
    ended_at_ns: int


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """Durations up to the first result; None where the phase did not happen.

    ``launch_ns``: spawn to ``ready`` on the host's clock. ``import_ns``: the runner's own import of
    the engine. ``load_ns``: file to engine model. ``prepare_ns``: delegate preparation and buffers.
    ``first_ns``: the first inference. ``process_to_first_ns`` (cold load only): process start to
    first result, on one clock.
    """

    launch_ns: int | None = None
    import_ns: int | None = None
    load_ns: int | None = None
    prepare_ns: int | None = None
    first_ns: int | None = None
    process_to_first_ns: int | None = None


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One executed block. ``started_at_ns``/``ended_at_ns`` are on the runner's clock."""

    seq: int
    timed: bool  #: False for warm-up
    count: int
    started_at_ns: int
    ended_at_ns: int
    cpu_ns: int  #: process CPU time spent inside the block, all threads
    dropped: int = 0  #: frames of a periodic block that were never processed
    tainted: str | None = None  #: what disturbed it, seen by a sensor; then it was done again


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """One telemetry channel of a trial; ``unavailable`` holds the reason when there is no data."""

    name: str
    unit: str
    clock: str  #: ``host``, ``runner`` or ``device``
    source: str  #: where it was read: ``/proc/<pid>/statm``
    unavailable: str | None = None


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """One ping: ``runner = host + offset_ns``, known to ± half the round trip."""

    host_ns: int
    offset_ns: int
    round_trip_ns: int


@dataclass(frozen=True, slots=True)
class SoakWindow:
    """A part of a sustained load; times in seconds from its first timed inference.

    ``slow_stretches`` began in it. ``max_c`` is by temperature channel. ``power_mean_w`` is None
    where the scenario asked for no energy, or no source could be trusted.
    """

    begin_s: float
    end_s: float
    inferences: int
    p50_ns: float | None
    slow_stretches: int
    max_c: dict[str, float] = field(default_factory=dict)
    power_mean_w: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceState:
    """Values that change from minute to minute, read before and after a trial."""

    values: dict[str, float | str] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What stays the same during a run: ``values`` by fact name, and the reasons for gaps.

    Names every agent uses where it can: ``platform``, ``model``, ``soc``, ``os``, ``os_build``,
    ``cpu``, ``cores``, ``ram_bytes``, ``governor``, ``frequency_max_khz``, ``simulated``.
    """

    device_id: str
    values: dict[str, str | int | float | bool] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


class PlacementVerdict(StrEnum):
    """How much of the graph ran on the delegate that was asked for."""

    FULL = "FULL"
    PARTIAL = "PARTIAL"
    FELL_BACK = "FELL_BACK"  #: nothing: the numbers are those of the CPU
    UNPROVEN = "UNPROVEN"  #: nothing shows it one way or the other


@dataclass(frozen=True, slots=True)
class Witness:
    """What one source says about the placement; UNPROVEN where it cannot tell.

    ``nodes`` of ``total`` graph nodes ran on the delegate, in ``partitions`` connected pieces; None
    where the source does not count them.
    """

    name: str  #: ``assignment``, ``log``, ``libraries``, ``compute_plan``, ``latency``, ``outputs``
    says: PlacementVerdict
    seen: str
    nodes: int | None = None
    total: int | None = None
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the graph of a trial really ran, with everyone who was asked.

    ``contradictions`` names the witnesses that say something else than the verdict.
    """

    verdict: PlacementVerdict
    nodes: int | None = None
    total: int | None = None
    partitions: int | None = None
    witnesses: tuple[Witness, ...] = ()
    contradictions: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """The best that is known: ``assignment``, ``compute_plan``, ``inferred`` or ``none``."""
        names = {item.name for item in self.witnesses}
        if names & {"assignment", "log"}:
            return "assignment"
        if "compute_plan" in names:
            return "compute_plan"
        return "inferred" if names else "none"

    @property
    def text(self) -> str:
        """For people: ``PARTIAL 70/72 nodes in 2 partitions``."""
        words = [self.verdict.value]
        if self.nodes is not None and self.total is not None:
            words.append(f"{self.nodes}/{self.total} nodes")
        if self.partitions:
            words.append(f"in {self.partitions} partition{'s' * (self.partitions != 1)}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a model answered on a dataset; the figures are metrics of the trial.

    ``intervals`` holds low and high of a metric's 95 % interval by its stored name. ``answers``
    are class numbers or tokens, in the order of the samples, with a space between, -1 for none;
    ``correct`` has a 1 or 0 for each of them and is empty where there are no labels. Models are
    compared sample by sample where ``digest``, the SHA-256 of inputs and labels, is the same.
    """

    dataset: str
    split: str
    digest: str
    samples: int
    intervals: dict[str, tuple[float, ...]] = field(default_factory=dict)
    answers: str = ""
    correct: str = ""


@dataclass(frozen=True, slots=True)
class Energy:
    """Where the energy of a trial comes from and how sure it is, or why there is none.

    The figures are metrics. ``intervals`` are their 95 % intervals without the source's ``gain``,
    ``*_error_j`` the parts of them (standard uncertainties, joules per inference), ``refused`` the
    reason of every source that gave no number, ``charging`` what the system said.
    """

    source: str = ""  #: battery, accumulator, rails, rapl or meter; empty where none gave a number
    channels: tuple[str, ...] = ()
    charging: str = "unknown"
    calibration: str = ""  #: how unit and sign of a gauge were found
    period_s: float | None = None  #: between updates, as seen
    seconds: float | None = None  #: of work
    inferences: int | None = None
    run_error_j: float | None = None
    idle_error_j: float | None = None
    edge_error_j: float | None = None
    gain: float | None = None
    intervals: dict[str, tuple[float, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """Everything known about one attempt at one trial, except its samples and traces."""

    run_id: str
    trial: Trial
    attempt: int
    outcome: Outcome
    started_at: str  #: UTC, ISO 8601
    ended_at: str
    reason: str | None = None  #: why it was skipped or is invalid
    failure: Failure | None = None
    runner: dict[str, OptionValue] = field(default_factory=dict)  #: facts from ``ready``
    engine: dict[str, OptionValue] = field(default_factory=dict)  #: facts from ``loaded``
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    input_digests: tuple[str, ...] = ()
    placement: dict[str, object] = field(default_factory=dict)  #: evidence from ``loaded``, raw
    placed: Placement | None = None  #: the verdict on it; None where no model was loaded
    accuracy: Accuracy | None = None  #: only in the accuracy pass
    energy: Energy | None = None  #: where the scenario asks for it
    load_times: LoadTimes = LoadTimes()
    warmup_capped: bool = False
    cooling: Cooling | None = None  #: None where the thermal gate was off or not its turn
    windows: tuple[SoakWindow, ...] = ()  #: of a sustained load
    phases: tuple[PhaseSpan, ...] = ()
    channels: tuple[ChannelRecord, ...] = ()
    clock_offsets: tuple[ClockOffset, ...] = ()
    state_before: DeviceState = DeviceState()
    state_after: DeviceState = DeviceState()
    metrics: dict[str, float] = field(default_factory=dict)  #: of METRICS; absent: not measured
    findings: tuple[Finding, ...] = ()
    harness: dict[str, str] = field(default_factory=dict)  #: version, git commit, dirty
    version: int = RECORD_VERSION


@dataclass(frozen=True, slots=True)
class Skip:
    """A part of the matrix that will not be measured, with the reason."""

    device_id: str
    what: str  #: the cell for people: ``mobilenet_v2/int8-static tflite cpu t4 b1 single_stream``
    reason: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """``plan.json``: everything that was decided before the first trial."""

    run_id: str  #: sortable: ``20261120T211233Z-quickstart-1f3a``
    scenario: str  #: the scenario's name
    label: str | None
    created_at: str  #: UTC, ISO 8601
    trials: tuple[Trial, ...]
    skips: tuple[Skip, ...] = ()
    ranking: tuple[str, ...] = ()  #: cell keys as the scenario declares them, for ``finish_by``
    facts: dict[str, DeviceFacts] = field(default_factory=dict)  #: by device id
    harness: dict[str, str] = field(default_factory=dict)
    scenario_text: str = ""  #: the resolved scenario as YAML: what ``--resume`` reads
    version: int = RECORD_VERSION
