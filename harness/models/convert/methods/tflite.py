"""Quantizes a TFLite file with ai-edge-quantizer: each layer by the method its plan names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ai_edge_quantizer import calibrator, quantizer, recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from harness.models.convert import ConvertError
from harness.models.convert.feeds import Feeds, each_sample
from harness.models.convert.job import Call, Layer, Plan, Request, plan_of
from harness.models.convert.methods.tflite_file import TfliteFile
from harness.models.methods import KEEP, METHODS

_EVERYTHING = ".*"
#: Operators that the tool calls otherwise than the file format does.
_TOOLS_NAMES = {"TRANSPOSE_CONV": "CONV_2D_TRANSPOSE"}
_GRANULARITY = {
    "channel": "CHANNELWISE",
    "tensor": "TENSORWISE",
    "block32": "BLOCKWISE_32",
    "block64": "BLOCKWISE_64",
}


class TfliteQuantizer:
    """Makes files of one source; what several of them need is done once."""

    def __init__(self, source: Path, workspace: Path) -> None:
        file = TfliteFile(source)
        file.check_float()
        self._known = file.layers()
        self._path = workspace / "signed.tflite"
        self._signature = file.with_signature(self._path)
        self._inputs = file.input_names()
        self._ranges: dict[Call, Any] = {}

    def layers(self) -> tuple[Layer, ...]:
        """The layers that plans may name."""
        return self._known

    def quantize(self, recipe: Mapping[str, Any], feeds: Feeds | None, target: Path) -> None:
        """Write the file that a recipe asks for; :class:`ConvertError` where that is impossible."""
        request = Request(plan_of(recipe, self._known), feeds)
        _check_wide(request.plan, self._known)
        tool = quantizer.Quantizer(str(self._path))
        entries = recipe_entries(request.plan, self._known)
        tool.load_quantization_recipe(entries)
        try:
            ranges = self._measured(request) if tool.need_calibration else None
            tool.quantize(ranges).export_model(str(target))
        except (ValueError, RuntimeError, KeyError) as error:
            said = " ".join(str(error).split())[:200]
            raise ConvertError(f"ai-edge-quantizer refused the model: {said}") from error

    def _measured(self, request: Request) -> Any:
        """Ranges of all activations, measured once for each static setting."""
        static = next(c for c in request.plan.calls() if METHODS[c.method].calibrated)
        if static not in self._ranges:
            names = self._inputs
            samples = [
                {names.get(name, name): value for name, value in sample.items()}
                for sample in each_sample(request.calibration())
            ]
            # Quantizer.calibrate would smooth each sample's range into a moving average, which
            # clips: a net of the digits lost 3.5 points of accuracy to it. This is min and max.
            recipe = recipe_manager.RecipeManager()
            recipe.load_quantization_recipe([_entry(_EVERYTHING, static)])
            tool = calibrator.Calibrator(str(self._path), qsv_update_func=qsv_utils.min_max_update)
            tool.calibrate({self._signature: samples}, recipe)
            self._ranges[static] = tool.get_model_qsvs()
        return self._ranges[static]


def _check_wide(plan: Plan, known: Sequence[Layer]) -> None:
    """Refuse 16 bits for a layer that the tool would leave as it is without a word."""
    wide = [
        layer
        for layer in known
        if layer.name in plan.layers
        and dict(plan.layers[layer.name].parameters).get("activation_bits") == 16
    ]
    if not wide:
        return
    from ai_edge_quantizer import default_policy

    able = json.loads(default_policy.DEFAULT_JSON_POLICY)["ops_per_config"]["static_wi8_ai16"]
    for layer in wide:
        if _TOOLS_NAMES.get(layer.type, layer.type) not in able:
            raise ConvertError(
                f"16-bit activations of {layer.type} are not supported by ai-edge-quantizer; give "
                f"{layer.name} another method"
            )


def recipe_entries(plan: Plan, known: Sequence[Layer]) -> list[dict[str, Any]]:
    """The tool's recipe: the default for everything, then what differs; the last match counts."""
    entries = [] if plan.default.method == KEEP else [_entry(_EVERYTHING, plan.default)]
    others = dict.fromkeys(call for call in plan.layers.values() if call != plan.default)
    return entries + [_entry(_scope(plan.names(call, known)), call) for call in others]


def _scope(names: Sequence[str]) -> str:
    """An expression for exactly these layers; the tool's scopes end with a semicolon."""
    return "^(?:" + "|".join(re.escape(name) for name in names) + ");"


def _entry(scope: str, call: Call) -> dict[str, Any]:
    if call.method == KEEP:
        return {"regex": scope, "operation": "*", "algorithm_key": "no_quantize", "op_config": {}}
    method = METHODS[call.method]
    is_float = call.method == "fp16"
    computes_in_float = method.activations == "float"
    config = {
        "weight_tensor_config": {
            "num_bits": method.weight_bits,
            "symmetric": True,
            "granularity": _GRANULARITY[dict(call.parameters).get("granularity", "channel")],
            "dtype": "FLOAT" if is_float else "INT",
        },
        "compute_precision": "FLOAT" if computes_in_float else "INTEGER",
        "explicit_dequantize": computes_in_float,
        "skip_checks": False,
        "min_weight_elements": 0,
    }
    if method.activations == "static":
        bits = call["activation_bits"]
        config["activation_tensor_config"] = {
            "num_bits": bits,
            "symmetric": bits == 16,  # the only 16-bit kernels there are
            "granularity": "TENSORWISE",
            "dtype": "INT",
        }
    algorithm = "float_casting" if is_float else "min_max_uniform_quantize"
    # The engine's convolutions take 2-bit weights for 8-bit ones and read past their end.
    operation = "FULLY_CONNECTED" if method.weight_bits == 2 else "*"
    return {"regex": scope, "operation": operation, "algorithm_key": algorithm, "op_config": config}
