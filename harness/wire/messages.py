"""The messages of the runner wire, one dataclass each.

Every number on the wire is an integer that fits 64 bits; durations and times are nanoseconds.
Binary payloads (samples, tensors) are frames that follow their message.
Required fields have no default; a field with a default may be left out by the sender.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Exact match or nothing: host and runner are shipped together.
WIRE_VERSION = 1

#: Columns of a block's sample frame, each ``count`` little-endian int64, one column after another.
#: ``intended_ns`` is there only for blocks with an arrival interval. ``start_ns`` and
#: ``intended_ns`` are times on the runner's clock, the others durations.
SAMPLE_COLUMNS = ("start_ns", "input_ns", "invoke_ns", "output_ns")
INTENDED_COLUMN = "intended_ns"

#: Most inferences one block may ask for: its samples still fit one frame of the codec.
MAX_BLOCK_COUNT = 1_000_000

Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a trial's program.

    The runner executes inferences until ``count`` are done or ``duration_ns`` (0 = no such limit)
    has passed since the block started, whichever comes first, and at least one. With
    ``interval_ns`` > 0 inferences have intended starts that far apart; a frame whose successor is
    already due when its turn comes is dropped and counted. ``pause_ns`` is waited before the block,
    outside every sample. ``timed`` is False for warm-up; the runner only echoes it. ``seq`` is the
    host's number of the block, at most MAX_BLOCK_COUNT inferences are asked for at once.
    docs/wire.md tells how consecutive periodic blocks continue one schedule.
    """

    seq: int
    count: int
    duration_ns: int = 0
    interval_ns: int = 0
    pause_ns: int = 0
    timed: bool = True


@dataclass(frozen=True, slots=True)
class WireTensor:
    """An input or output of a loaded model; scale and zero point are strings of decimal digits

    (``"0.0078125"``) because the wire has no floating-point numbers; empty when not quantized.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: str = ""
    zero_point: int = 0


# --- host to runner -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """First message on every link. ``session`` is empty, or the session to re-attach to with the
    last block, trace or outputs sequence number (``last_seq``) that arrived.
    """

    version: int
    token: str
    session: str = ""
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for the runner's clock; ``host_ns`` is echoed."""

    host_ns: int


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load a pushed model file. ``shapes`` fixes dynamic inputs; ``page_cache`` is ``keep`` or
    ``drop``; ``options`` are engine options (``mmap``, ``xnnpack``...).
    """

    model: str  #: SHA-256 of the file
    engine: str
    delegate: str
    threads: int
    batch: int = 1
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    page_cache: str = "keep"
    options: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """Start a program. ``inputs`` are digests of pushed files, one per model input, holding the
    raw little-endian bytes. The program is over after ``blocks`` when ``final``, otherwise the
    runner waits for ``append``.
    """

    inputs: tuple[str, ...]
    blocks: tuple[Block, ...]
    final: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    """More blocks for the running program; ``final`` closes it."""

    blocks: tuple[Block, ...]
    final: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything up to ``seq`` arrived and may be forgotten."""

    seq: int


@dataclass(frozen=True, slots=True)
class Infer:
    """Untimed inferences over samples ``first`` <= i < ``last`` of the pushed input files, each
    file holding whole samples one after another; answered by ``outputs``.
    """

    inputs: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """Run the model ``warmup`` and then ``count`` times with the engine's own profiler on, answered
    by ``profiled``. A runner or engine that has none refuses with ``unsupported``.
    """

    inputs: tuple[str, ...]
    count: int
    warmup: int = 0


@dataclass(frozen=True, slots=True)
class TelemetryRequest:
    """Send ``trace`` messages with the runner's own readings, between blocks, at most one per
    ``interval_ns``; 0 stops them.
    """

    interval_ns: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Forget the model; another ``load`` may follow."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the running program after the current block (at once in a pause or between blocks)."""


@dataclass(frozen=True, slots=True)
class Bye:
    """End the process once everything is acknowledged."""


# --- runner to host -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """Answer to ``hello``. ``facts`` name the runner, its build, language and process.

    ``received`` counts the commands of this session the runner has taken in, that is everything
    but ``hello``, ``ping`` and ``ack``: after a re-attach the host repeats what is missing.
    """

    session: str
    facts: dict[str, Scalar]
    received: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to ``ping``."""

    host_ns: int
    runner_ns: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready. ``cache_state`` tells what the runner knows about the page and compile
    caches; ``placement`` is raw evidence of where the graph will run; ``engine`` holds the engine's
    name and version and the options in force.
    """

    import_ns: int
    load_ns: int
    prepare_ns: int
    inputs: tuple[WireTensor, ...]
    outputs: tuple[WireTensor, ...]
    cache_state: str
    engine: dict[str, Scalar]
    placement: dict[str, Scalar]
    seq: int = 0  #: its place among the spooled messages


@dataclass(frozen=True, slots=True)
class BlockDone:
    """One block's samples, in one frame of ``columns`` x ``count`` int64. ``seq`` counts all
    spooled messages of the session; ``block`` is the block's own number.
    """

    seq: int
    block: int
    timed: bool
    count: int
    columns: tuple[str, ...]
    started_ns: int
    ended_ns: int
    cpu_ns: int
    dropped: int = 0
    process_start_ns: int = 0  #: set on the first block: when the process started, runner's clock


@dataclass(frozen=True, slots=True)
class Trace:
    """The runner's own readings, one per name of ``channels``, taken at ``at_ns``."""

    seq: int
    at_ns: int
    channels: tuple[str, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Results of ``infer`` for sample ``index``: one frame per model output, raw little-endian
    bytes of the shape that ``shapes`` gives (some models settle it only while they run).
    """

    seq: int
    index: int
    shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Profiled:
    """What the engine's profiler wrote, in one frame of JSON in the engine's own form.

    ``format`` names the form (``onnxruntime``, ``litert``); the first ``warmup`` runs in it are not
    to be counted. ``facts`` say what was different from a timed run.
    """

    seq: int
    format: str
    count: int
    warmup: int = 0
    facts: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The program, or the ``infer``, is over. ``cancelled`` tells whether ``cancel`` ended it."""

    seq: int
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Error:
    """Something was refused. ``code`` is one of ERROR_CODES; after a fatal error the runner closes
    the link. ``seq`` is 0 for those, which are not spooled.
    """

    code: str
    text: str
    fatal: bool = False
    seq: int = 0


#: What a runner may refuse with. (The text is the engine's or the runner's own words.)
ERROR_CODES = (
    "bad-message",  # not understood, or not allowed in this state
    "bad-token",
    "bad-version",  # the text is the runner's version in digits
    "busy",  # another host is attached
    "no-session",  # re-attach to a session this runner does not have
    "no-file",  # a digest that was never pushed
    "model-rejected",
    "delegate-rejected",
    "option-rejected",
    "unsupported",  # the engine, or this build of it, cannot do it at all
    "input-rejected",  # wrong size or number of inputs
    "inference-failed",
    "out-of-memory",
    "spool-full",
)

HostMessage = (
    Hello
    | Ping
    | LoadModel
    | Run
    | Append
    | Ack
    | Infer
    | ProfileRequest
    | TelemetryRequest
    | Unload
    | Cancel
    | Bye
)
RunnerMessage = Ready | Pong | Loaded | BlockDone | Trace | Outputs | Profiled | Done | Error
Message = HostMessage | RunnerMessage
