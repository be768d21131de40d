"""From a recipe to the network that it describes."""

from __future__ import annotations

import importlib
from typing import Any

from harness.models.convert import BUILDERS, ConvertError
from harness.models.convert.layers import Input, Network
from harness.models.convert.seeded import NetworkSpec
from harness.models.datasets.dataset import TRAIN, Dataset, dataset
from harness.models.datasets.samples import prepared
from harness.models.declaration import TensorDeclaration, declaration_of


def network_of(recipe: dict[str, Any]) -> Network:
    """The float network of a recipe, with its weights.

    Raises :class:`ConvertError` when its tensors are not those that the recipe declares.
    """
    plain = recipe["network"]
    inputs, outputs = declared_inputs(recipe), declared_outputs(recipe)
    limits = inputs[0].range or (-1.0, 1.0)
    spec = NetworkSpec(
        name=plain["builder"],
        input_name=inputs[0].name,
        input_shape=inputs[0].shape[1:],
        input_range=(limits[0], limits[1]),
        output_name=outputs[0].name,
        outputs=outputs[0].shape[-1],
        seed=plain["seed"],
        parameters=plain["parameters"],
        teacher=recipe["teacher"],
        training=_training_data(plain["dataset"], inputs),
    )
    network: Network = importlib.import_module(BUILDERS[plain["builder"]].module).build(spec)
    _check_inputs(network, inputs)
    _check_outputs(network, outputs)
    return network


def _training_data(name: str | None, inputs: tuple[TensorDeclaration, ...]) -> Dataset | None:
    return prepared(dataset(name, TRAIN), inputs) if name else None


def declared_inputs(recipe: dict[str, Any]) -> tuple[TensorDeclaration, ...]:
    """The inputs that a recipe declares."""
    return tuple(declaration_of(item) for item in recipe["network"]["inputs"])


def declared_outputs(recipe: dict[str, Any]) -> tuple[TensorDeclaration, ...]:
    """The outputs that a recipe declares."""
    return tuple(declaration_of(item) for item in recipe["network"]["outputs"])


def _check_inputs(network: Network, declared: tuple[TensorDeclaration, ...]) -> None:
    for made, item in zip(network.inputs, declared, strict=True):
        _check(made, Input(item.name, item.shape[1:], item.dtype), "input")


def _check_outputs(network: Network, declared: tuple[TensorDeclaration, ...]) -> None:
    shapes = network.shapes()
    for name, item in zip(network.outputs, declared, strict=True):
        _check(Input(name, shapes[name]), Input(item.name, item.shape[1:], item.dtype), "output")


def _check(made: Input, declared: Input, what: str) -> None:
    if made != declared:
        raise ConvertError(
            f"the builder's {what} is {_text(made)}, the catalogue says {_text(declared)}; "
            "change the catalogue"
        )


def _text(item: Input) -> str:
    return f"{item.name} {item.dtype} {[1, *item.shape]}"
