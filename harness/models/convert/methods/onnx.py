"""Quantizes an ONNX file: each layer by the method its plan names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from harness.models.convert import ConvertError
from harness.models.convert.feeds import Feeds
from harness.models.convert.job import Call, Layer, Plan, Request, plan_of
from harness.models.convert.methods import onnx_dynamic, onnx_static, onnx_weights
from harness.models.convert.onnx_file import layers, load_float, prepare, save
from harness.models.methods import METHODS

_STATIC, _DYNAMIC = "int8-static", "int8-dynamic"
_IN_BLOCKS = ("int4-weights", "int2-weights")  #: their matrices have an operator with blocks


class OnnxQuantizer:
    """Makes files of one source; what several of them need is done once."""

    def __init__(self, source: Path, workspace: Path) -> None:
        self._source, self._folder = source, workspace
        self._prepared: Path | None = None

    def layers(self) -> tuple[Layer, ...]:
        """The layers that plans may name."""
        return layers(self._ready())

    def quantize(self, recipe: Mapping[str, Any], feeds: Feeds | None, target: Path) -> None:
        """Write the file that a recipe asks for; :class:`ConvertError` where that is impossible."""
        try:
            save(self._made(recipe, feeds), target)
        except (ConvertError, OSError, ImportError):
            raise
        except Exception as error:  # the tool's own mistakes come as anything
            said = " ".join(str(error).split())[:200]
            raise ConvertError(f"onnxruntime's quantizer gave up on the model: {said}") from error

    def _made(self, recipe: Mapping[str, Any], feeds: Feeds | None) -> Any:
        if recipe["method"] == "fp16":
            from harness.models.convert.methods import onnx_fp16

            return onnx_fp16.apply(load_float(self._source))
        known = self.layers()
        return self._passes(Request(plan_of(recipe, known), feeds), known)

    def _ready(self) -> Path:
        if self._prepared is None:
            path = self._folder / "prepared.onnx"
            prepare(self._source, path)
            self._prepared = path
        return self._prepared

    def _passes(self, request: Request, known: Sequence[Layer]) -> Any:
        """Static quantization first, because it runs the model; then what changes weights only."""
        calls = request.plan.calls()
        path = self._static(self._ready(), request, known)
        for call in calls:
            if call.method == _DYNAMIC:
                path = self._dynamic(path, call, request.plan, known)
        model = onnx.load(path)
        for call, bits, chosen in _weight_passes(request.plan, known):
            model = onnx_weights.apply(
                model, chosen, bits, per_channel=_value(call, "granularity") != "tensor"
            )
        for call, bits, chosen in _matrix_passes(request.plan, known):
            from harness.models.convert.methods import onnx_matrices

            model = onnx_matrices.apply(model, call, chosen, bits)
        return model

    def _static(self, source: Path, request: Request, known: Sequence[Layer]) -> Path:
        """One setting for all static layers, but for the bits of their activations."""
        calls = sorted(
            (call for call in request.plan.calls() if call.method == _STATIC),
            key=lambda call: int(call["activation_bits"]),
        )
        chosen = [name for call in calls for name in request.plan.names(call, known)]
        if not chosen:
            return source
        if len({_without_bits(call) for call in calls}) > 1:
            raise ConvertError(
                "onnxruntime's quantizer has one setting of int8-static for a file, apart from "
                "activation_bits; use the same for all layers"
            )
        call = calls[0]
        wide = request.plan.names(calls[1], known) if len(calls) > 1 else []
        target = self._folder / "static.onnx"
        setting = hashlib.sha256(repr(call).encode()).hexdigest()[:16]
        ranges = self._folder / f"ranges-{setting}.json"
        layers = onnx_static.Layers(chosen, wide)
        onnx_static.apply(source, target, call, layers, request.calibration(), ranges)
        return target

    def _dynamic(self, source: Path, call: Call, plan: Plan, known: Sequence[Layer]) -> Path:
        target = self._folder / "dynamic.onnx"
        chosen = [layer for layer in known if plan.call_of(layer.name) == call]
        others = [layer for layer in known if plan.call_of(layer.name) != call]
        if chosen:
            onnx_dynamic.apply(source, target, call, chosen, others)
        return target if chosen else source


def _weight_passes(plan: Plan, known: Sequence[Layer]) -> Iterator[tuple[Call, int, list[str]]]:
    """Calls whose layers get a DequantizeLinear in front, except matrices in blocks."""
    for call in plan.calls():
        if call.method in ("int8-weights", *_IN_BLOCKS):
            names = set(plan.names(call, known))
            blocks = call.method in _IN_BLOCKS
            chosen = [
                layer.name
                for layer in known
                if layer.name in names and layer.weighted and not (blocks and _is_matrix(layer))
            ]
            if chosen:
                yield call, METHODS[call.method].weight_bits, chosen


def _matrix_passes(plan: Plan, known: Sequence[Layer]) -> Iterator[tuple[Call, int, list[str]]]:
    for call in plan.calls():
        if call.method in _IN_BLOCKS:
            names = set(plan.names(call, known))
            chosen = [x.name for x in known if x.name in names and _is_matrix(x)]
            if chosen:
                yield call, METHODS[call.method].weight_bits, chosen


def _is_matrix(layer: Layer) -> bool:
    return layer.type == "MatMul" and layer.weighted


def _value(call: Call, name: str) -> Any:
    return dict(call.parameters).get(name)


def _without_bits(call: Call) -> tuple[tuple[str, Any], ...]:
    return tuple(pair for pair in call.parameters if pair[0] != "activation_bits")
