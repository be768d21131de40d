"""What a scenario file means: frozen, validated intentions. Nothing here reads a file.

Durations are seconds as the user wrote them; the wire and the records use nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from harness.conditions import Ambient, Gates, Joulescope, MeterFile

#: Dynamic input shapes by input name: ``{"ids": (1, 128)}``.
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class FamilyModels:
    """Variants of a catalogue family: ``{family: mobilenet_v2, variants: [fp32, int8-static]}``."""

    family: str
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileModel:
    """A user's own file. Each entry of ``shapes`` becomes its own cell; empty means as stored.

    ``inputs`` is None (seeded random bytes) or a folder of ``<input name>.npy`` arrays.
    ``original`` is the float file that it was made from: accuracy is lost against that one.
    """

    path: Path
    shapes: tuple[Shapes, ...] = ()
    inputs: Path | None = None
    original: Path | None = None


ModelRef = FamilyModels | FileModel


@dataclass(frozen=True, slots=True)
class DeviceSelector:
    """Which devices take part.

    Either an ``address`` (``local``, ``android:SERIAL``, ``ios:UDID`` or a lab nickname) or
    ``terms`` over facts and tags, each a ``(key, operator, value)`` with operators ``=``, ``!=``,
    ``>=``, ``<=``, ``>``, ``<`` and ``*`` wildcards in values. ``count`` bounds how many devices of
    one ``per`` fact take part (``per: model, count: 1`` is one unit of each phone model).
    """

    address: str | None = None
    terms: tuple[tuple[str, str, str], ...] = ()
    per: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class MatrixBlock:
    """One dense part of the matrix; the matrix is the union of its blocks.

    ``when`` limits it to devices that match. ``options`` are engine options
    (``{"xnnpack": False}``, ``{"load": "buffer"}``) that become part of the cell.
    """

    engines: tuple[str, ...]
    delegates: tuple[str, ...] = ("cpu",)
    threads: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1,)
    when: DeviceSelector | None = None
    options: tuple[dict[str, str | int | float | bool], ...] = ({},)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A hole in the matrix with the reason for it; ``match`` maps cell keys to patterns."""

    match: dict[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Warmup:
    """How a trial warms up.

    ``steady`` runs until two exponential averages agree (see ``stats.steady``), at least
    ``min_seconds`` and ``min_inferences``, at most ``max_seconds``; ``fixed`` runs exactly the
    minimum; ``none`` starts cold.
    """

    rule: Literal["steady", "fixed", "none"] = "steady"
    min_seconds: float = 0.25
    min_inferences: int = 30
    max_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class SingleStream:
    """One inference after the other until *both* minima are reached (MLPerf single-stream)."""

    warmup: Warmup = Warmup()
    min_seconds: float = 60.0
    min_inferences: int = 1024
    max_seconds: float = 600.0
    kind: Literal["single_stream"] = "single_stream"


@dataclass(frozen=True, slots=True)
class Burst:
    """A short run from a rested device: ``inferences`` at once, no claim about later minutes."""

    warmup: Warmup = Warmup(rule="fixed", min_seconds=0.0, min_inferences=3)
    inferences: int = 50
    kind: Literal["burst"] = "burst"


@dataclass(frozen=True, slots=True)
class Offline:
    """Throughput over ``samples`` inputs, in batches of the cell's batch size."""

    warmup: Warmup = Warmup()
    samples: int = 1024
    min_seconds: float = 0.0
    kind: Literal["offline"] = "offline"


@dataclass(frozen=True, slots=True)
class Sustained:
    """Back-to-back inferences for minutes to days, streamed to disk."""

    seconds: float
    warmup: Warmup = Warmup(rule="none")
    kind: Literal["sustained"] = "sustained"


@dataclass(frozen=True, slots=True)
class Periodic:
    """A fixed arrival rate, as from a camera; latency counts from the *intended* start."""

    rate_hz: float
    seconds: float = 60.0
    warmup: Warmup = Warmup()
    kind: Literal["periodic"] = "periodic"


@dataclass(frozen=True, slots=True)
class Cold:
    """Process start to first result, one start per trial.

    ``page_cache`` is ``keep`` (the file was read before) or ``drop`` (its pages are evicted first).
    """

    page_cache: Literal["keep", "drop"] = "keep"
    kind: Literal["cold"] = "cold"


Load = SingleStream | Burst | Offline | Sustained | Periodic | Cold


@dataclass(frozen=True, slots=True)
class Repeats:
    """How many trials each cell gets; ``until_ci`` stops early between ``min`` and ``max``.

    ``until_ci`` is the half-width of the 95 % interval as a fraction of the estimate.
    """

    min: int = 3
    max: int = 3
    until_ci: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """``interleaved``: every round visits each cell once, shuffled; ``blocked``: cell by cell.

    ``abba`` is the order of comparisons: every round visits each pair of arms once with a quad.
    """

    kind: Literal["interleaved", "blocked", "abba"] = "interleaved"
    seed: int = 0


ArmName = Literal["reference", "candidate"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: what it has in place of what the scenario says.

    ``models`` maps patterns of variant labels (``kws*``) to files. ``options`` are laid over the
    cell's engine options. ``python`` is another local interpreter with its own engine builds,
    ``runner`` a folder of Android runner files. ``builds`` pins what they must be: by engine for
    this machine, under ``android`` for phones.
    """

    models: dict[str, Path] = field(default_factory=dict)
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    python: Path | None = None
    runner: Path | None = None
    builds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arms:
    """The two sides of a comparison; ``equal`` allows them to be the same (A/A trials)."""

    reference: Arm = Arm()
    candidate: Arm = Arm()
    equal: bool = False

    @property
    def named(self) -> tuple[tuple[ArmName, Arm], ...]:
        """Both with their names, the reference first."""
        return (("reference", self.reference), ("candidate", self.candidate))

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return self.candidate if name == "candidate" else self.reference


#: How a runner is started on a phone; reported numbers come from ``activity``.
Start = Literal["activity", "instrumentation", "app_process", "by_hand"]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Settings of a device for the time of a run, put back afterwards.

    None leaves the choice to the agent: on phones the screen stays on and animations are off, and
    everything else is left as it is. ``compile`` asks for the runner's ahead-of-time compilation;
    ``dark_between`` turns the screen off between trials.
    """

    brightness_percent: float | None = None
    refresh_hz: float | None = None
    stay_awake: bool | None = None
    animations: bool | None = None
    airplane: bool | None = None
    wifi: bool | None = None
    bluetooth: bool | None = None
    fixed_performance: bool | None = None
    doze_exempt: bool | None = None
    compile: bool | None = None
    dark_between: bool | None = None
    start: Start | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """Names of the settings that were asked for."""
        return tuple(item.name for item in fields(self) if getattr(self, item.name) is not None)


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """A pass of its own that only measures memory.

    After ``settle_minutes`` of work, ``readings`` readings ``every_seconds`` apart; steady RSS is
    their median.
    """

    settle_minutes: float = 5.0
    every_seconds: float = 30.0
    readings: int = 5


@dataclass(frozen=True, slots=True)
class ProfilePass:
    """A pass of its own with the engine's profiler on; ``warmup`` inferences do not count."""

    inferences: int = 20
    warmup: int = 3


@dataclass(frozen=True, slots=True)
class EnergyRequest:
    """Energy per inference, in the timed trials themselves, which idle before and after work.

    ``auto`` takes the best source that can be trusted.
    """

    source: Literal["auto", "battery", "rails", "rapl", "accumulator", "meter"] = "auto"
    idle_seconds: float = 120.0
    detached: bool = False  #: the cable is out meanwhile


#: What an accuracy pass can tell; ``agreement`` is with the float32 variant.
ACCURACY_METRICS = ("top1", "top5", "f1", "perplexity", "agreement")
RANDOM_DATASET = "random"


@dataclass(frozen=True, slots=True)
class AccuracyPass:
    """A pass of its own that infers a dataset once per cell.

    ``dataset`` is a built-in name, a user's ``.npz``, or ``random`` for inputs without labels, on
    which models can only be compared with each other. Without ``metrics`` the data decide.
    """

    dataset: str | Path
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Require:
    """What a trial must satisfy to be valid.

    None of the finding IDs of ``absent`` may be on it; with ``placement`` ``full`` the whole graph
    must be proven to have run on the delegate that was asked for.
    """

    absent: tuple[str, ...] = ()
    placement: Literal["full"] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Upper bounds on a cell's metrics; exceeding one makes the run exit with 1.

    ``match`` maps cell keys (``model``, ``engine``...) to patterns, empty for every cell;
    ``bounds`` maps metric names of ``record.METRICS`` with their unit suffix to the bound.
    ``max_regression`` is the part by which the candidate arm may be worse than the reference; it
    stands in for the metric's own margin.
    """

    match: dict[str, str]
    bounds: dict[str, float]
    max_regression: float | None = None


@dataclass(frozen=True, slots=True)
class LabDevice:
    """One line of the lab's inventory.

    ``usb_power`` is ``cut`` where the lab has proven that the device's port brings no current.
    """

    address: str
    nickname: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    hub_port: str | None = None
    notes: str | None = None
    meter: MeterFile | Joulescope | None = None
    usb_power: Literal["cut"] | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything one scenario file asks for."""

    name: str
    models: tuple[ModelRef, ...]
    devices: tuple[DeviceSelector, ...] = (DeviceSelector(address="local"),)
    blocks: tuple[MatrixBlock, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    loads: tuple[Load, ...] = (SingleStream(),)
    repeats: Repeats = Repeats()
    order: Order = Order()
    gates: Gates = field(default_factory=Gates)
    ambient: Ambient | None = None
    prepare: Prepare = Prepare()
    telemetry_rate_hz: float = 1.0
    memory: MemoryPass | None = None
    accuracy: AccuracyPass | None = None
    profile: ProfilePass | None = None
    energy: EnergyRequest | None = None
    detached: bool = False  #: timed trials run with the cable out
    require: Require = Require()
    limits: tuple[Limit, ...] = ()
    arms: Arms | None = None
    finish_by: str | None = None  #: ``06:30`` on this host's clock, or an ISO 8601 time
    lab: tuple[LabDevice, ...] = ()
    source: str = ""  #: the path it was read from, for messages
    text: str = ""  #: the resolved document as YAML (extends and --set applied), kept with the run
    catalogue: Path | None = None  #: a catalogue file of the user's own
    seed: int = field(default=0)  #: for the random inputs

    @property
    def idle_seconds(self) -> float:
        """How long a timed trial idles before, and again after, its work: for energy alone."""
        return self.energy.idle_seconds if self.energy is not None else 0.0

    @property
    def is_detached(self) -> bool:
        """Whether timed trials run with the cable out, wherever the file says so."""
        return self.detached or (self.energy is not None and self.energy.detached)
