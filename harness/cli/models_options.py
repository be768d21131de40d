"""Options that several ``benchfarm models`` commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import CatalogueError

if TYPE_CHECKING:
    from harness.models.recalibrated import Recalibration
    from harness.models.user_models import FileBuild

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

RANDOM = "random"

catalogue_option: Decorator = click.option(
    "--catalogue", "catalogue_file", type=click.Path(path_type=Path), metavar="YAML",
    help="A catalogue file of your own, beside the built-in one.",
)  # fmt: skip

shape_option: Decorator = click.option(
    "--shape", "shapes", multiple=True, metavar="INPUT=1,128",
    help="The shape of an input whose dimensions are free in the FILE.",
)  # fmt: skip


def calibration_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--calibration``, ``--samples`` and ``--seed``."""
    for option in (
        click.option("--seed", default=0, show_default=True, help="Chooses the samples."),
        click.option(
            "--samples", default=128, show_default=True, type=click.IntRange(1, 10_000),
            help="How many calibration samples to use at most.",
        ),
        click.option(
            "--calibration", metavar="NPZ|FOLDER|random",
            help="What to measure activation ranges on: arrays by input name, a folder of images "
            "for a FAMILY that preprocesses them, or random.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def file_build(path: Path, **choices: Any) -> FileBuild:
    """What the options ask for."""
    from harness.models.methods import MIXED, complete
    from harness.models.policy import read_policy
    from harness.models.user_models import FileBuild

    method, policy = choices["method"], choices["policy"]
    if method is None:
        method = MIXED if policy is not None else None
    if method is None:
        raise CatalogueError(f"{path}: say how with --method, such as --method int8-static")
    if (method == MIXED) != (policy is not None):
        raise CatalogueError("--policy FILE and --method mixed belong together")
    given = choices["calibration"]
    return FileBuild(
        path=path,
        method=method,
        parameters=complete(method, parse_parameters(choices["parameters"])),
        policy=read_policy(policy) if policy else None,
        calibration=Path(given) if given and given != RANDOM else None,
        random=given == RANDOM,
        samples=choices["samples"],
        seed=choices["seed"],
        shapes=parse_shapes(choices["shapes"]),
        name=choices["name"],
    )


def recalibration(model: str, **choices: Any) -> Recalibration:
    """What the options ask for of a family's variant."""
    from harness.cli.names import split_model_name
    from harness.models.family import Calibration
    from harness.models.recalibrated import Recalibration

    family, variant = split_model_name(model)
    if variant is None:
        raise CatalogueError(f"--calibration is for one variant, as in {family}/int8-static")
    own = choices["name"]
    if own is not None:
        prefix, _, rest = own.rpartition("/")
        if prefix not in ("", family):
            raise CatalogueError(f"--as {own}: it stays a variant of its family: {family}/{rest}")
        own = rest
    given = choices["calibration"]
    data = given if given == RANDOM else Path(given).absolute()
    return Recalibration(
        family, variant, Calibration(data, choices["samples"], choices["seed"]), own
    )


def parse_parameters(texts: tuple[str, ...]) -> dict[str, Any]:
    """``granularity=tensor`` pairs."""
    from harness.models.methods import parse_value

    return {name: parse_value(value) for name, value in map(_pair, texts)}


def parse_shapes(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """``input=1,128`` pairs."""
    shapes = {}
    for name, value in map(_pair, texts):
        sizes = value.split(",")
        if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
            raise CatalogueError(f"--shape {name}={value}: give whole numbers, as in {name}=1,128")
        shapes[name] = tuple(int(size) for size in sizes)
    return shapes


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise CatalogueError(f"{text!r} is not NAME=VALUE")
    return name, value
