"""How a variant can be made: the declared table of methods, their parameters and their limits.

Nothing heavy is imported here, so that the catalogue and the command line can check names. What a
method does lies in :mod:`harness.models.convert`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import CatalogueError
from harness.scenario_file.kinds import suggestion
from harness.variant import ModelFormat

CONSTRUCT = "construct"
DISTIL = "distil"
PRUNE = "prune"
MIXED = "mixed"
KEEP = "keep"  #: in a policy: leave these layers in float

_ONNX, _TFLITE = ModelFormat.ONNX, ModelFormat.TFLITE

#: A protobuf message and a FlatBuffer end at 2 GiB, and quantizers hold several copies in memory.
MAX_SOURCE_BYTES = 2**31 - 1

Value = str | int | float | bool
Parameters = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a method: one of ``choices``, or a number within ``limits``.

    ``limits`` exclude the lower and include the upper end. ``refused`` tells which choice a format
    does not have, and why.
    """

    default: Value
    meaning: str
    choices: tuple[Value, ...] = ()
    limits: tuple[float, float] | None = None
    refused: Mapping[tuple[ModelFormat, Value], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """One way to make a file out of another one.

    ``weights`` is the type that the weights get; ``activations`` says what is between the layers:
    ``float``, ``dynamic`` (quantized while running) or ``static``. ``unsupported`` maps a format to
    the reason why there is no such file.
    """

    summary: str
    weights: str = "float32"
    activations: str = "float"
    calibrated: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    unsupported: Mapping[ModelFormat, str] = field(default_factory=dict)

    @property
    def weight_bits(self) -> int:
        """How many bits one weight takes: 8 for ``int8``."""
        return int("".join(letter for letter in self.weights if letter.isdigit()))


_MINMAX_ONLY = "ai-edge-quantizer measures the minimum and maximum only; leave calibration: minmax"
_ASYMMETRIC = "TFLite's 8-bit activations have a zero point; leave symmetric: false"
_BLOCKS = "onnxruntime's dynamic kernels have no blocks; use channel or tensor"

_GRANULARITY = Parameter(
    "channel", "weights that share one scale: an output channel or a whole tensor",
    ("channel", "tensor"),
)  # fmt: skip
_DYNAMIC_GRANULARITY = Parameter(
    "channel",
    "weights that share one scale: an output channel, a whole tensor, or a block (onnxruntime has "
    "only the whole tensor for convolutions)",
    ("channel", "tensor", "block32", "block64"),
    refused={(_ONNX, "block32"): _BLOCKS, (_ONNX, "block64"): _BLOCKS},
)
_BLOCK_SIZE = Parameter(
    32, "weights of a matrix that share one scale (ONNX)", (16, 32, 64, 128, 256)
)
_ACCURACY = Parameter(
    0, "onnxruntime's accuracy_level: 0 computes in float32, 4 with int8 activations", (0, 4)
)
_ONNX_DYNAMIC = "onnxruntime has no such operator; use int4-weights with accuracy_level: 4"

METHODS: dict[str, Method] = {
    CONSTRUCT: Method("write the float32 network from its seeded or trained weights"),
    DISTIL: Method("train the float32 network on the answers of a larger one"),
    "fp16": Method("weights (ONNX: activations too) as 16-bit floats", "float16"),
    "int8-dynamic": Method(
        "8-bit weights; activations are quantized while the model runs", "int8", "dynamic",
        parameters={"granularity": _DYNAMIC_GRANULARITY},
    ),
    "int8-static": Method(
        "8-bit weights and activations, whose ranges are measured beforehand", "int8", "static",
        calibrated=True,
        parameters={
            "calibration": Parameter(
                "minmax", "how a range is chosen from what was seen",
                ("minmax", "entropy", "percentile"),
                refused={(_TFLITE, "entropy"): _MINMAX_ONLY, (_TFLITE, "percentile"): _MINMAX_ONLY},
            ),
            "percentile": Parameter(
                99.999, "share of the values within the range, for calibration: percentile",
                limits=(50, 100),
            ),
            "granularity": _GRANULARITY,
            "symmetric": Parameter(
                False, "activations without zero point", (False, True),
                refused={(_TFLITE, True): _ASYMMETRIC},
            ),
            "activation_bits": Parameter(8, "bits of an activation", (8, 16)),
        },
    ),
    "int8-weights": Method(
        "8-bit weights that are turned back to float for computing", "int8",
        parameters={"granularity": _GRANULARITY},
    ),
    "int4-weights": Method(
        "4-bit weights that are turned back to float for computing", "int4",
        parameters={"block_size": _BLOCK_SIZE, "accuracy_level": _ACCURACY},
    ),
    "int4-dynamic": Method(
        "4-bit weights; activations are quantized while the model runs", "int4", "dynamic",
        parameters={"granularity": _DYNAMIC_GRANULARITY},
        unsupported={_ONNX: _ONNX_DYNAMIC},
    ),
    "int2-weights": Method(
        "2-bit weights that are turned back to float for computing", "int2",
        parameters={"block_size": _BLOCK_SIZE, "accuracy_level": _ACCURACY},
        unsupported={
            _TFLITE: "ai-edge-quantizer leaves such a model as it was; use int2-dynamic"
        },
    ),
    "int2-dynamic": Method(
        "2-bit weights of fully connected layers; activations are quantized while it runs",
        "int2", "dynamic",
        parameters={"granularity": _DYNAMIC_GRANULARITY},
        unsupported={_ONNX: "onnxruntime has no such operator; use int2-weights"},
    ),
    MIXED: Method("each layer by the method that a policy file names", calibrated=True),
    PRUNE: Method(
        "remove the least important channels of convolutions, and the work they cost",
        parameters={
            "ratio": Parameter(0.25, "share of each group's channels to remove", limits=(0, 0.95)),
            "importance": Parameter(
                "l1", "what makes a filter important", ("l1", "l2", "geometric-median")
            ),
            "steps": Parameter(
                1, "1 removes all at once; more judge the rest anew after each step",
                (1, 2, 3, 4, 5, 8, 10),
            ),
            "tied": Parameter(
                "prune", "groups of channels that meet in an Add: prune all alike, or keep them",
                ("prune", "keep"),
            ),
        },
    ),
}  # fmt: skip

#: Methods that make a float network from nothing but its builder.
FLOAT_METHODS = (CONSTRUCT, DISTIL)
#: Methods that write a float network layer by layer; the others work on such a file.
NETWORK_METHODS = (*FLOAT_METHODS, PRUNE)
#: Methods that a policy may give to single layers.
LAYER_METHODS = tuple(
    name for name, method in METHODS.items() if method.weights.startswith("int")
)  # fmt: skip


def precision_of(name: str) -> str:
    """What a file made by a method is called: ``fp16``, ``int8``..., ``mixed``."""
    if name == MIXED:
        return MIXED
    weights = METHODS[name].weights
    return weights.replace("float", "fp")


def check_size(size_bytes: int, label: str) -> None:
    """Raise :class:`CatalogueError` for a file that no quantizer here takes."""
    if size_bytes > MAX_SOURCE_BYTES:
        raise CatalogueError(
            f"{label}: has {size_bytes / 2**30:.1f} GiB, quantizers take at most 2 GiB; "
            "export a smaller model or parts of it"
        )


def method_named(name: str) -> Method:
    """The method of that name, or :class:`CatalogueError` with the nearest one."""
    if name not in METHODS:
        raise CatalogueError(f"unknown method {name!r}; {suggestion(name, tuple(METHODS))}")
    return METHODS[name]


def check_format(name: str, fmt: ModelFormat) -> None:
    """Raise :class:`CatalogueError` with the reason where a format has no such files."""
    reason = METHODS[name].unsupported.get(fmt)
    if reason is not None:
        raise CatalogueError(f"{name} is not supported for {fmt}: {reason}")


def complete(name: str, given: Mapping[str, Any]) -> Parameters:
    """Every parameter of a method with its value; :class:`CatalogueError` for a wrong one."""
    known = method_named(name).parameters
    for key, value in given.items():
        if key not in known:
            hint = suggestion(key, tuple(known)) if known else "it has none"
            raise CatalogueError(f"{name} has no parameter {key!r}; {hint}")
        _check_value(name, key, known[key], value)
    return {key: given.get(key, parameter.default) for key, parameter in known.items()}


def check_parameters(name: str, parameters: Parameters, fmt: ModelFormat) -> None:
    """Raise :class:`CatalogueError` for a format or a choice that the tool does not have."""
    check_format(name, fmt)
    for key, value in parameters.items():
        reason = METHODS[name].parameters[key].refused.get((fmt, value))
        if reason is not None:
            raise CatalogueError(f"{name}: {key}: {value} is not supported for {fmt}: {reason}")


def parse_value(text: str) -> Value:
    """A parameter's value as it is written on the command line."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_value(name: str, key: str, parameter: Parameter, value: Any) -> None:
    if parameter.limits is not None:
        low, high = parameter.limits
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low < value <= high:
            raise CatalogueError(f"{name}: {key} is a number above {low:g}, at most {high:g}")
    elif not any(value == choice and type(value) is type(choice) for choice in parameter.choices):
        shown = ", ".join(str(choice).lower() for choice in parameter.choices)
        raise CatalogueError(f"{name}: {key} is one of {shown}, not {value!r}")
