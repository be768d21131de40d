"""The engines a runner can load, each behind the same small face.

An engine is a module with one function ``load(path, request)``. Importing it imports the engine,
which is why that happens when a model is loaded, and is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from device_agents.local.runner.refusal import Refused
from harness.wire.messages import LoadModel, Scalar, WireTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MODULES = {
    "tflite": "device_agents.local.runner.engines.tflite",
    "onnxruntime": "device_agents.local.runner.engines.onnxruntime",
}


class Step(NamedTuple):
    """One inference in three plain calls, each timed apart by the loop."""

    copy_in: Callable[[], object]
    invoke: Callable[[], object]
    copy_out: Callable[[], object]


class Model(Protocol):
    """A model that is ready to run."""

    inputs: tuple[WireTensor, ...]
    outputs: tuple[WireTensor, ...]
    facts: dict[str, Scalar]  #: engine, version and the options in force

    def placement(self) -> dict[str, Scalar]:
        """Evidence of where the graph runs."""

    def step(self, arrays: Sequence[NDArray[Any]]) -> Step:
        """An inference on these inputs."""

    def results(self) -> list[NDArray[Any]]:
        """Every output of the inference before, as arrays of their own."""

    def profile(self, arrays: Sequence[NDArray[Any]], runs: int) -> Profiled:
        """Run with the engine's profiler on, in a session of its own.

        Raises Refused with ``unsupported`` where there is no profiler.
        """


class Profiled(NamedTuple):
    """What an engine's profiler wrote: the form's name, and JSON."""

    format: str
    data: bytes


class Loaded(Protocol):
    """A model file the engine has read."""

    def prepare(self) -> Model:
        """Delegates, shapes and buffers: everything up to the first inference."""


class Engine(Protocol):
    """What an engine's module offers."""

    def load(self, path: Path, request: LoadModel) -> Loaded:
        """Read the model file. Raises Refused, or whatever the engine raises."""


def open_engine(name: str) -> Engine:
    """Import an engine; refused when it is unknown or not installed."""
    module = _MODULES.get(name)
    if module is None:
        raise Refused(
            "option-rejected", f"no engine {name!r}; this runner has {', '.join(_MODULES)}"
        )
    try:
        engine: Engine = import_module(module)
    except ImportError as error:
        raise Refused("option-rejected", f"engine {name!r} is not installed: {error}") from error
    return engine
