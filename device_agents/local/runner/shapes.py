"""Concrete input shapes from what a model declares, the host's ``shapes`` and the batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from device_agents.local.runner.refusal import Refused

#: A fixed size, the name of a dynamic dimension, or None for a nameless one.
Dimension = int | str | None
#: Engines count elements of one dimension in 32 bits.
_LARGEST_SIZE = 2**31 - 1


class Declared(NamedTuple):
    """An input as the model file declares it."""

    name: str
    dimensions: tuple[Dimension, ...]


def resolve(
    inputs: Sequence[Declared], shapes: Mapping[str, tuple[int, ...]], batch: int
) -> tuple[list[tuple[int, ...]], dict[str, int]]:
    """The shape of every input, and the value of every named dimension.

    A dynamic dimension takes its size from ``shapes``; a leading one without an entry is the
    batch; a name that got its size at one place has it everywhere. Refuses what stays open, what
    contradicts the model, and a batch the model has no room for.
    """
    if not 1 <= batch <= _LARGEST_SIZE:
        raise Refused("option-rejected", f"batch is 1 to {_LARGEST_SIZE}, not {batch}")
    _check_names(inputs, shapes)
    named = _named_sizes(inputs, shapes, batch)
    concrete = [_concrete(item, shapes.get(item.name), named, batch) for item in inputs]
    _check_batch(inputs, concrete, batch)
    return concrete, named


def _check_names(inputs: Sequence[Declared], shapes: Mapping[str, tuple[int, ...]]) -> None:
    names = [item.name for item in inputs]
    for name in shapes:
        if name not in names:
            raise Refused(
                "option-rejected", f"shapes: no input {name!r}; the model has {', '.join(names)}"
            )


def _named_sizes(
    inputs: Sequence[Declared], shapes: Mapping[str, tuple[int, ...]], batch: int
) -> dict[str, int]:
    named: dict[str, int] = {}
    for item in inputs:
        wanted = shapes.get(item.name)
        for place, dimension in enumerate(item.dimensions):
            if not isinstance(dimension, str):
                continue
            if wanted is not None and place < len(wanted):
                named.setdefault(dimension, wanted[place])
            elif place == 0:
                named.setdefault(dimension, batch)
    return named


def _concrete(
    item: Declared, wanted: tuple[int, ...] | None, named: Mapping[str, int], batch: int
) -> tuple[int, ...]:
    if wanted is not None:
        _check_fits(item, wanted, named)
        return wanted
    return tuple(
        _size(item, place, dimension, named, batch)
        for place, dimension in enumerate(item.dimensions)
    )


def _size(
    item: Declared, place: int, dimension: Dimension, named: Mapping[str, int], batch: int
) -> int:
    if isinstance(dimension, int):
        return dimension
    if isinstance(dimension, str) and dimension in named:
        return named[dimension]
    if place == 0:
        return batch
    raise Refused(
        "option-rejected",
        f"input {item.name!r} has the dynamic shape {_text(item)}; "
        f"set shapes: {{{item.name}: [...]}} in the scenario",
    )


def _check_fits(item: Declared, wanted: tuple[int, ...], named: Mapping[str, int]) -> None:
    fits = len(wanted) == len(item.dimensions) and all(
        1 <= size <= _LARGEST_SIZE
        and (
            dimension is None
            or size == (named[dimension] if isinstance(dimension, str) else dimension)
        )
        for size, dimension in zip(wanted, item.dimensions, strict=True)
    )
    if not fits:
        raise Refused(
            "option-rejected",
            f"shapes: {item.name}: {list(wanted)} does not fit the model's {_text(item)}",
        )


def _check_batch(
    inputs: Sequence[Declared], concrete: Sequence[tuple[int, ...]], batch: int
) -> None:
    """A batch other than 1 must be the leading size of some input."""
    leading = {shape[0] for shape in concrete if shape}
    if batch != 1 and batch not in leading:
        shown = ", ".join(f"{item.name} {_text(item)}" for item in inputs)
        raise Refused(
            "option-rejected",
            f"batch {batch} does not fit: the model has a fixed batch ({shown}); "
            "use batch 1 or export the model with a dynamic first dimension",
        )


def _text(item: Declared) -> str:
    shown = ("?" if size is None else str(size) for size in item.dimensions)
    return "[" + ", ".join(shown) + "]"
