"""TFLite through its Python interpreter: LiteRT, or tflite-runtime where only that is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_agents.local.runner.engines import Profiled, Step
from device_agents.local.runner.engines.options import Options, check_delegate
from device_agents.local.runner.refusal import Refused
from device_agents.local.runner.shapes import Declared, resolve
from harness.wire.messages import LoadModel, Scalar, WireTensor

try:
    import ai_edge_litert as _package
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    import tflite_runtime as _package
    from tflite_runtime.interpreter import Interpreter, OpResolverType

_DELEGATES = ("cpu", "xnnpack")


def load(path: Path, request: LoadModel) -> TfliteModel:
    """Map (``load: mmap``, the default) or read (``load: buffer``) the file and parse it.

    Delegate ``cpu`` is the engine's default path, which uses XNNPACK where it can; the option
    ``xnnpack: false`` leaves the built-in kernels only; delegate ``xnnpack`` refuses a model of
    which XNNPACK takes nothing.
    """
    check_delegate(request, _DELEGATES)
    options = Options(request)
    xnnpack = options.boolean("xnnpack", default=True)
    how = options.choice("load", ("mmap", "buffer"), default="mmap")
    options.finish()
    if request.delegate == "xnnpack" and not xnnpack:
        raise Refused("option-rejected", "delegate xnnpack contradicts the option xnnpack: false")
    resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    source = {"model_path": str(path)} if how == "mmap" else {"model_content": path.read_bytes()}
    interpreter = Interpreter(
        **source, num_threads=request.threads, experimental_op_resolver_type=resolver
    )
    facts: dict[str, Scalar] = {
        "engine": _package.__name__,
        "version": _package.__version__,
        "threads": request.threads,
        "xnnpack": xnnpack,
        "load": how,
    }
    return TfliteModel(interpreter, path, request, facts)


class TfliteModel:
    """One interpreter with its inputs fixed in shape."""

    def __init__(
        self, interpreter: Any, path: Path, request: LoadModel, facts: dict[str, Scalar]
    ) -> None:
        self._interpreter, self._path, self._request = interpreter, path, request
        self.facts = facts
        self.inputs: tuple[WireTensor, ...] = ()
        self.outputs: tuple[WireTensor, ...] = ()

    def prepare(self) -> TfliteModel:
        """Fix the shapes, apply the default delegate, allocate the tensors."""
        interpreter = self._interpreter
        declared = interpreter.get_input_details()
        shapes, _ = resolve(
            [Declared(item["name"], _dimensions(item)) for item in declared],
            self._request.shapes,
            self._request.batch,
        )
        for item, shape in zip(declared, shapes, strict=True):
            if tuple(item["shape"]) != shape:
                interpreter.resize_tensor_input(item["index"], shape, strict=True)
        interpreter.allocate_tensors()
        details = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs, self.outputs = (tuple(map(_wire_tensor, items)) for items in details)
        self._places, self._results = ([item["index"] for item in items] for items in details)
        if self._request.delegate == "xnnpack" and not self.placement()["delegate_nodes"]:
            raise Refused("delegate-rejected", "XNNPACK took no operation of this model")
        return self

    def placement(self) -> dict[str, Scalar]:
        """Operations of the graph, how many of them a delegate took, in how many partitions.

        Of a graph that is delegated in part, ``builtin_ops`` names the types left to the engine's
        own kernels.
        """
        nodes = self._interpreter._get_ops_details()  # noqa: SLF001 - there is no public way
        delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
        operations = [node for node in nodes if node["op_name"] != "DELEGATE"]
        covered = _covered(operations, delegates)
        found: dict[str, Scalar] = {
            "ops": len(operations),
            "delegate_nodes": len(delegates),
            "delegated_ops": len(covered),
        }
        left = {node["op_name"] for node in operations if node["index"] not in covered}
        if covered and left:
            found["builtin_ops"] = ", ".join(sorted(left))
        return found

    def step(self, arrays: Sequence[NDArray[Any]]) -> Step:
        """Copies go through the interpreter's own calls, as in anybody's program."""
        interpreter = self._interpreter
        pairs = list(zip(self._places, arrays, strict=True))
        copies_in = [partial(interpreter.set_tensor, *pair) for pair in pairs]
        copies_out = [partial(interpreter.get_tensor, index) for index in self._results]
        return Step(_in_turn(copies_in), interpreter.invoke, _in_turn(copies_out))

    def results(self) -> list[NDArray[Any]]:
        """Copies of all outputs."""
        return [self._interpreter.get_tensor(index) for index in self._results]

    def profile(self, arrays: Sequence[NDArray[Any]], runs: int) -> Profiled:
        """The events of LiteRT's profiler."""
        from device_agents.local.runner.engines import litert_profiler

        copy_in, invoke, _ = self.step(arrays)
        copy_in()
        invoke()
        results = [result.nbytes for result in self.results()]
        threads, xnnpack = self._request.threads, self.facts["xnnpack"] is True
        events = litert_profiler.profile(
            _package, self._path, arrays, results, runs, threads=threads, xnnpack=xnnpack
        )
        return Profiled("litert", events)


def _in_turn(calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    if len(calls) == 1:
        return calls[0]

    def call_all() -> None:
        for call in calls:
            call()

    return call_all


def _dimensions(item: dict[str, Any]) -> tuple[int | None, ...]:
    declared = item.get("shape_signature", item["shape"])
    if len(declared) != len(item["shape"]):
        declared = item["shape"]
    return tuple(None if size < 0 else int(size) for size in declared)


def _wire_tensor(item: dict[str, Any]) -> WireTensor:
    dtype = np.dtype(item["dtype"])
    if dtype.kind not in "biufc":
        raise Refused("model-rejected", f"tensor {item['name']!r} holds {dtype.name}, not numbers")
    scale, zero_point = item["quantization"]
    return WireTensor(
        name=item["name"],
        dtype=dtype.name,
        shape=tuple(int(size) for size in item["shape"]),
        scale=np.format_float_positional(scale, trim="-") if scale else "",
        zero_point=int(zero_point),
    )


def _covered(operations: Sequence[dict[str, Any]], delegates: Sequence[dict[str, Any]]) -> set[int]:
    """Indices of the operations that lie between a delegate's inputs and its outputs.

    Delegated operations stay in the interpreter's list, so they are found by walking back from what
    each delegate node produces.
    """
    maker = {int(tensor): node for node in operations for tensor in node["outputs"]}
    found: set[int] = set()
    for delegate in delegates:
        given = set(map(int, delegate["inputs"]))
        open_tensors = [int(tensor) for tensor in delegate["outputs"]]
        while open_tensors:
            tensor = open_tensors.pop()
            node = maker.get(tensor)
            if tensor in given or node is None or node["index"] in found:
                continue
            found.add(node["index"])
            open_tensors += [int(source) for source in node["inputs"]]
    return found
