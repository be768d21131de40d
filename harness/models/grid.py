"""A grid of families: one network at several widths and resolutions, in a few lines of YAML."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.models.declaration import TensorDeclaration
from harness.models.family import Family

RESOLUTION = "resolution"  #: the axis that is no builder parameter: height and width of the image

Grid = Mapping[str, tuple[float, ...]]


def expand(family: Family, grid: Grid) -> Iterator[Family]:
    """The family itself, then one for each other point, such as ``mobilenet_v2_w050_r160``.

    Parameters that are not whole numbers are written in hundredths.
    """
    own = {axis: _own_value(family, axis) for axis in grid}
    yield replace(family, base=family.name, point=own)
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        if point != own:
            yield _member(family, grid, point)


def _own_value(family: Family, axis: str) -> float:
    return float(family.input.shape[1]) if axis == RESOLUTION else family.parameters[axis]


def _member(family: Family, grid: Grid, point: dict[str, float]) -> Family:
    suffix = "".join(f"_{axis[0]}{_written(point[axis], grid[axis])}" for axis in grid)
    parameters = {name: point.get(name, value) for name, value in family.parameters.items()}
    inputs = family.inputs
    if RESOLUTION in point:
        inputs = (_resized(family.input, int(point[RESOLUTION])), *inputs[1:])
    return replace(
        family,
        name=f"{family.name}{suffix}",
        parameters=parameters,
        inputs=inputs,
        base=family.name,
        point=point,
    )


def _written(value: float, axis: tuple[float, ...]) -> str:
    whole = all(item.is_integer() for item in axis)
    return f"{value:.0f}" if whole else f"{value * 100:03.0f}"


def _resized(image: TensorDeclaration, size: int) -> TensorDeclaration:
    batch, _, _, channels = image.shape
    return replace(image, shape=(batch, size, size, channels))
