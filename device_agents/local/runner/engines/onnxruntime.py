"""ONNX Runtime on the CPU provider, with inputs and outputs bound to buffers of our own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from device_agents.local.runner.engines import Profiled, Step
from device_agents.local.runner.engines.options import Options, check_delegate
from device_agents.local.runner.refusal import Refused
from device_agents.local.runner.shapes import Declared, Dimension, resolve
from harness.wire.messages import LoadModel, Scalar, WireTensor

_DELEGATES = ("cpu",)
_PROVIDERS = ["CPUExecutionProvider"]
_LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    **{
        f"tensor({kind}{bits})": f"{kind}{bits}"
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
}
_SEVERITY_ERROR = 3
#: What a dimension says that only the inference settles.
UNSETTLED = -1


def load(path: Path, request: LoadModel) -> OrtModel:
    """Create the session: reading, optimising and planning are one step in this engine.

    By default ONNX Runtime opens the file itself (``load: file``); ``load: buffer`` hands it the
    bytes. It cannot map a plain .onnx file, so ``load: mmap`` is refused.
    """
    check_delegate(request, _DELEGATES)
    options = Options(request)
    level = options.choice("graph_optimization", tuple(_LEVELS), default="all")
    spinning = options.boolean("allow_spinning", default=True)
    how = options.choice("load", ("file", "buffer"), default="file")
    options.finish()

    def session(profile_prefix: str = "") -> Any:
        settings = _settings(request, level, spinning=spinning)
        if profile_prefix:
            settings.enable_profiling = True
            settings.profile_file_prefix = profile_prefix
        source = str(path) if how == "file" else path.read_bytes()
        return ort.InferenceSession(source, settings, providers=_PROVIDERS)

    facts: dict[str, Scalar] = {
        "engine": "onnxruntime",
        "version": ort.__version__,
        "threads": request.threads,
        "graph_optimization": level,
        "allow_spinning": spinning,
        "load": how,
    }
    return OrtModel(session, request, facts)


def _settings(request: LoadModel, level: str, *, spinning: bool) -> Any:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = request.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = _LEVELS[level]
    settings.log_severity_level = _SEVERITY_ERROR
    settings.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return settings


class OrtModel:
    """One session with its inputs fixed in shape."""

    def __init__(
        self, make_session: Callable[..., Any], request: LoadModel, facts: dict[str, Scalar]
    ) -> None:
        self._make_session, self._request = make_session, request
        self._session = make_session()
        self.facts = facts
        self.inputs: tuple[WireTensor, ...] = ()
        self.outputs: tuple[WireTensor, ...] = ()

    def prepare(self) -> OrtModel:
        """Fix the shapes; bind inputs, and outputs of known shape, to preallocated buffers."""
        given, made = self._session.get_inputs(), self._session.get_outputs()
        shapes, named = resolve(
            [Declared(item.name, _dimensions(item)) for item in given],
            self._request.shapes,
            self._request.batch,
        )
        self.inputs = tuple(map(_wire_tensor, given, shapes))
        self.outputs = tuple(_wire_tensor(item, _settled(item, named)) for item in made)
        self._binding = self._session.io_binding()
        self._bound_inputs = [self._bind_input(tensor) for tensor in self.inputs]
        settled = all(UNSETTLED not in tensor.shape for tensor in self.outputs)
        self._bound_outputs = (
            [self._bind_output(tensor) for tensor in self.outputs] if settled else None
        )
        if not settled:
            for tensor in self.outputs:
                self._binding.bind_output(tensor.name)
        return self

    def placement(self) -> dict[str, Scalar]:
        """Nodes each execution provider took; without that record, the providers in use."""
        assignment = getattr(self._session, "get_provider_graph_assignment_info", None)
        if assignment is None:
            return {"providers": ",".join(self._session.get_providers())}
        found: dict[str, Scalar] = {"nodes": 0}
        for part in assignment():
            count = len(part.get_nodes())
            found["nodes"] = int(found["nodes"]) + count
            found[part.ep_name] = int(found.get(part.ep_name, 0)) + count
        return found

    def step(self, arrays: Sequence[NDArray[Any]]) -> Step:
        """Copy into the bound inputs, run, copy out of the bound outputs."""
        copies = list(zip(self._bound_inputs, arrays, strict=True))
        copy_in = _copier(copies)
        invoke = partial(self._session.run_with_iobinding, self._binding)
        if self._bound_outputs is None:
            return Step(copy_in, invoke, self._binding.copy_outputs_to_cpu)
        copies = [(np.empty_like(bound), bound) for bound in self._bound_outputs]
        return Step(copy_in, invoke, _copier(copies))

    def results(self) -> list[NDArray[Any]]:
        """Copies of all outputs."""
        if self._bound_outputs is not None:
            return [bound.copy() for bound in self._bound_outputs]
        results: list[NDArray[Any]] = self._binding.copy_outputs_to_cpu()
        return results

    def profile(self, arrays: Sequence[NDArray[Any]], runs: int) -> Profiled:
        """The engine's trace file."""
        with tempfile.TemporaryDirectory(prefix="benchfarm-profile-") as folder:
            session = self._make_session(f"{folder}/trace")
            feeds = {tensor.name: array for tensor, array in zip(self.inputs, arrays, strict=True)}
            for _ in range(runs):
                session.run(None, feeds)
            return Profiled("onnxruntime", Path(session.end_profiling()).read_bytes())

    def _bind_input(self, tensor: WireTensor) -> NDArray[Any]:
        buffer = np.zeros(tensor.shape, tensor.dtype)
        self._binding.bind_input(
            tensor.name, "cpu", 0, buffer.dtype.type, tensor.shape, buffer.ctypes.data
        )
        return buffer

    def _bind_output(self, tensor: WireTensor) -> NDArray[Any]:
        buffer = np.zeros(tensor.shape, tensor.dtype)
        self._binding.bind_output(
            tensor.name, "cpu", 0, buffer.dtype.type, tensor.shape, buffer.ctypes.data
        )
        return buffer


def _copier(pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> Any:
    if len(pairs) == 1:
        return partial(np.copyto, *pairs[0])

    def copy_all() -> None:
        for target, source in pairs:
            np.copyto(target, source)

    return copy_all


def _dimensions(item: Any) -> tuple[Dimension, ...]:
    return tuple(
        size if isinstance(size, int | str) and size != "" else None for size in item.shape
    )


def _settled(item: Any, named: dict[str, int]) -> tuple[int, ...]:
    return tuple(
        size if isinstance(size, int) else named.get(str(size), UNSETTLED)
        for size in _dimensions(item)
    )


def _wire_tensor(item: Any, shape: tuple[int, ...]) -> WireTensor:
    dtype = _DTYPES.get(item.type)
    if dtype is None:
        raise Refused(
            "model-rejected", f"{item.name!r} is a {item.type}; this runner takes numeric tensors"
        )
    return WireTensor(item.name, dtype, shape)
