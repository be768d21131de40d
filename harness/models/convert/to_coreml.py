"""Writes a network as a Core ML package on any machine; only Apple devices can run it.

coremltools no longer reads ONNX, so the program is built layer by layer with its MIL builder. It
holds networks of convolutions, pooling and dense layers.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from harness.models.convert import ConvertError
from harness.models.convert.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalMean,
    Layer,
    MaxPool,
    Network,
    Shape,
    same_padding,
)

NOT_RUN = "not run here: Core ML runs on Apple devices only"
#: What becomes of the weights after conversion; see ``_compressed``.
WEIGHTS = ("none", "int8", "int4", "palette8", "palette6", "palette4", "palette2")
PRECISIONS = ("fp16", "fp32")


def write(network: Network, target: Path, precision: str, weights: str) -> dict[str, Any]:
    """Write ``network`` as the folder ``target``; returns what the package holds.

    ``precision`` is what it computes in, ``weights`` how they are stored (one of WEIGHTS).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import coremltools

        program = _program(network)
        model = coremltools.convert(
            program,
            convert_to="mlprogram",
            compute_precision=(
                coremltools.precision.FLOAT16
                if precision == "fp16"
                else coremltools.precision.FLOAT32
            ),
            minimum_deployment_target=coremltools.target.iOS18,
            skip_model_load=True,
        )
        model = _compressed(model, weights)
        shutil.rmtree(target, ignore_errors=True)
        model.save(str(target))
        described = _described(model)
    _check(weights, precision, described["inspection"]["weight_bytes"])
    return {
        **described,
        "proof": {"against": NOT_RUN},
        "reproducible": (
            "coremltools writes random identifiers into Manifest.json; the digest covers the "
            "other files"
        ),
        "digest": _digest(target),
        "size_bytes": sum(f.stat().st_size for f in target.rglob("*") if f.is_file()),
    }


def _program(network: Network) -> Any:
    import coremltools
    from coremltools.converters.mil import Builder

    shapes = network.shapes()
    (only,) = network.inputs if len(network.inputs) == 1 else (None,)
    if only is None or len(only.shape) != 3:
        raise ConvertError("a Core ML package is written for networks of one image input only")
    height, width, channels = only.shape

    def build(**inputs: Any) -> Any:
        values = {only.name: inputs[only.name]}
        for layer in network.layers:
            values[layer.name] = _layer(Builder, layer, values, shapes)
        return values[network.output_name]

    spec = Builder.TensorSpec(shape=(1, channels, height, width))
    decorated = Builder.program(input_specs=[spec], opset_version=coremltools.target.iOS18)
    return decorated(_with_argument(build, only.name))


def _with_argument(build: Any, name: str) -> Any:
    """A function of one argument of that name, which the tool reads from its signature."""
    import inspect

    def program(value: Any) -> Any:
        return build(**{name: value})

    parameter = inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    program.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    program.__code__ = program.__code__.replace(co_varnames=(name,))
    return program


def _layer(mb: Any, layer: Layer, values: dict[str, Any], shapes: dict[str, Shape]) -> Any:
    match layer:
        case Conv():
            weights = layer.weights.transpose(3, 2, 0, 1)
            return _conv(mb, layer, weights, 1, values, shapes)
        case Depthwise():
            weights = layer.weights.transpose(2, 0, 1)[:, np.newaxis]
            return _conv(mb, layer, weights, len(layer.bias), values, shapes)
        case MaxPool():
            return mb.max_pool(
                x=values[layer.source],
                kernel_sizes=[layer.kernel] * 2,
                strides=[layer.stride] * 2,
                pad_type="custom",
                pad=_padding(layer.kernel, layer.stride, shapes[layer.source]),
                name=layer.name,
            )
        case Add() if shapes[layer.left] == shapes[layer.right]:
            total = mb.add(x=values[layer.left], y=values[layer.right])
            return mb.relu(x=total, name=layer.name) if layer.relu else total
        case GlobalMean():
            return mb.reduce_mean(
                x=values[layer.source], axes=[2, 3], keep_dims=False, name=layer.name
            )
        case Dense() if len(shapes[layer.source]) == 1:
            weights = np.ascontiguousarray(layer.weights.T)
            return mb.linear(
                x=values[layer.source], weight=weights, bias=layer.bias, name=layer.name
            )
    kind = type(layer).__name__
    raise ConvertError(f"the layer {layer.name!r} ({kind}) has no Core ML form here")


def _conv(
    mb: Any,
    layer: Conv | Depthwise,
    weights: Any,
    groups: int,
    values: dict[str, Any],
    shapes: dict[str, Shape],
) -> Any:
    output = mb.conv(
        x=values[layer.source],
        weight=np.ascontiguousarray(weights),
        bias=layer.bias,
        strides=[layer.stride] * 2,
        pad_type="custom",
        pad=_padding(weights.shape[-1], layer.stride, shapes[layer.source]),
        groups=groups,
        name=f"{layer.name}_conv",
    )
    if layer.relu6:
        return mb.relu6(x=output, name=layer.name)
    if isinstance(layer, Conv) and layer.relu:
        return mb.relu(x=output, name=layer.name)
    return output


def _padding(kernel: int, stride: int, shape: Shape) -> list[int]:
    top, bottom = same_padding(shape[0], kernel, stride)
    left, right = same_padding(shape[1], kernel, stride)
    return [top, bottom, left, right]


def _compressed(model: Any, weights: str) -> Any:
    """Linear quantization per channel, or a palette of 2**n values found by k-means."""
    import coremltools.optimize.coreml as optimize

    if weights == "none":
        return model
    if weights.startswith("palette"):
        bits = int(weights.removeprefix("palette"))
        palette = optimize.OpPalettizerConfig(mode="kmeans", nbits=bits)
        return optimize.palettize_weights(model, optimize.OptimizationConfig(palette))
    linear = optimize.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype=weights, granularity="per_channel"
    )
    return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(linear))


def _described(model: Any) -> dict[str, Any]:
    """Operators by type and bytes of weights by type, read from the program itself."""
    program = model.get_spec().mlProgram
    operators: Counter[str] = Counter()
    weight_bytes: Counter[str] = Counter()
    for function in program.functions.values():
        for block in function.block_specializations.values():
            for operation in block.operations:
                operators[operation.type] += 1
                for kind, size in _stored(operation):
                    weight_bytes[kind] += size
    return {
        "inspection": {
            "operators": dict(sorted(operators.items())),
            "weight_bytes": dict(sorted(weight_bytes.items())),
        }
    }


def _check(weights: str, precision: str, weight_bytes: dict[str, int]) -> None:
    """The package's weights have the type that was asked for; small ones may stay float."""
    wanted = weights.replace("palette", "uint")
    if weights == "none":
        wanted = precision.replace("fp", "float")
    floats = {kind: size for kind, size in weight_bytes.items() if kind != wanted}
    if not weight_bytes.get(wanted) or sum(floats.values()) > sum(weight_bytes.values()) / 2:
        raise ConvertError(f"the package's weights are {weight_bytes}, not {wanted}")


def _stored(operation: Any) -> list[tuple[str, int]]:
    """Types and sizes of what an operation keeps in the package's weight file."""
    from coremltools.proto import MIL_pb2

    arguments = [v for name, v in operation.attributes.items() if name != "name"]
    arguments += [b.value for a in operation.inputs.values() for b in a.arguments if b.value]
    found = []
    for value in arguments:
        if value.WhichOneof("value") != "blobFileValue":
            continue
        tensor = value.type.tensorType
        kind = MIL_pb2.DataType.Name(tensor.dataType).lower()
        count = math.prod(item.constant.size for item in tensor.dimensions)
        bits = int("".join(letter for letter in kind if letter.isdigit()) or 8)
        found.append((kind, math.ceil(count * bits / 8)))
    return found


def _digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files but the one with random identifiers."""
    hashed = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "Manifest.json":
            hashed.update(path.relative_to(folder).as_posix().encode())
            hashed.update(path.read_bytes())
    return hashed.hexdigest()
