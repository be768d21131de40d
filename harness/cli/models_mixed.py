"""``benchfarm models layers``, ``sensitivity`` and ``search``: mixed precision."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.models_options import (
    calibration_options,
    catalogue_option,
    parse_parameters,
    parse_shapes,
    shape_option,
)
from harness.cli.options import json_option
from harness.errors import CatalogueError

if TYPE_CHECKING:
    from harness.models.policy import Setting
    from harness.models.sensitivity import Bench, LayerLoss

_format_option = click.option(
    "--format", "format_name", type=click.Choice(["onnx", "tflite"]), default="tflite",
    show_default=True, help="For a FAMILY: the format to work on.",
)  # fmt: skip


def _note(text: str) -> None:
    click.echo(text, err=True)


@click.command("layers")
@click.argument("name", metavar="FAMILY|FILE")
@_format_option
@catalogue_option
def list_layers(name: str, format_name: str, catalogue_file: Path | None) -> int:
    """List a float model's layers by the names that policies use."""
    from harness.cli.inference import LocalInfer
    from harness.cli.tables import Table, print_table
    from harness.models import derived
    from harness.models.cache import ModelCache
    from harness.models.subject import float_model

    cache = ModelCache(infer=LocalInfer())
    model = float_model(cache, name, format_name, catalogue_file, _note)
    with cache.files.workspace("layers") as workspace:
        found = derived.layers(name, model.path, model.format, workspace)
    rows = tuple((layer, kind, "yes" if weighted else "") for layer, kind, weighted in found)
    print_table(Table(("layer", "type", "weights"), rows))
    return 0


@click.command("sensitivity")
@click.argument("name", metavar="FAMILY|FILE")
@click.option("--method", default="int8-static", show_default=True, help="What to try on a layer.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE")
@_format_option
@calibration_options
@shape_option
@catalogue_option
@json_option
def show_sensitivity(
    method: str, parameters: tuple[str, ...], as_json: bool, **choices: Any
) -> int:
    """Quantize one layer at a time and show what it does to the outputs."""
    from harness.models.sensitivity import sensitivity, to_json

    setting = _checked_setting(method, parse_parameters(parameters))
    with _bench(**choices) as bench:
        losses = sensitivity(bench, [setting], _note)
    if as_json:
        click.echo(json.dumps(to_json(losses), indent=1))
    else:
        _print_losses(losses)
    return 0


@click.command("search")
@click.argument("name", metavar="FAMILY|FILE")
@click.option(
    "--methods", default="int8-static,int4-weights", show_default=True,
    help="What layers may get, separated by commas; staying float is always allowed.",
)  # fmt: skip
@click.option("--min-sqnr", type=float, metavar="DB", help="Least signal-to-noise ratio in dB.")
@click.option("--max-loss", metavar="1%", help="Largest loss of accuracy; needs labelled data.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="POLICY.YAML",
    help="Where to write the policy.",
)  # fmt: skip
@_format_option
@calibration_options
@shape_option
@catalogue_option
def search_policy(
    methods: str, min_sqnr: float | None, max_loss: str | None, output: Path, **choices: Any
) -> int:
    """Find the smallest mix of methods within a loss, and write it as a policy file.

    Build from it with: benchfarm models build FILE --method mixed --policy POLICY.YAML
    """
    from harness.models.search import Limit, search
    from harness.models.sensitivity import sensitivity
    from harness.models.subject import policy_text

    if min_sqnr is None and max_loss is None:
        raise CatalogueError("say what is good enough: --min-sqnr 20, or --max-loss 1%")
    limit = Limit(_share(max_loss) if max_loss else None, min_sqnr)
    settings = [_checked_setting(method.strip(), {}) for method in methods.split(",")]
    with _bench(**choices) as bench:
        losses = sensitivity(bench, settings, _note)
        found = search(bench, losses, limit, _note)
        text = policy_text(bench, losses, found)
        ratio = found.tried.size_bytes / bench.subject.order.source.stat().st_size
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CatalogueError(f"{output}: cannot be written ({error.strerror})") from None
    click.echo(
        f"{output}: {found.tried.size_bytes} bytes, {ratio:.3f} times the float file, "
        f"after {found.builds} builds"
    )
    return 0


@contextlib.contextmanager
def _bench(
    name: str,
    format_name: str,
    calibration: str | None,
    samples: int,
    seed: int,
    shapes: tuple[str, ...],
    catalogue_file: Path | None,
) -> Iterator[Bench]:
    from harness.cli.inference import LocalInfer
    from harness.models.cache import ModelCache
    from harness.models.sensitivity import Bench
    from harness.models.subject import Wanted, float_model, subject_of

    infer = LocalInfer()
    cache = ModelCache(infer=infer)
    model = float_model(cache, name, format_name, catalogue_file, _note)
    wanted = Wanted(calibration, samples, seed, parse_shapes(shapes))
    with cache.files.workspace("mixed") as workspace:
        yield Bench(subject_of(model, wanted, workspace), infer, workspace)


def _checked_setting(method: str, parameters: dict[str, Any]) -> Setting:
    from harness.models.methods import LAYER_METHODS, complete
    from harness.models.policy import Setting
    from harness.scenario_file.kinds import suggestion

    if method not in LAYER_METHODS:
        hint = suggestion(method, LAYER_METHODS)
        raise CatalogueError(f"{method!r} is no method for single layers; {hint}")
    return Setting(method, complete(method, parameters))


def _share(text: str) -> float:
    number = text.strip().removesuffix("%")
    try:
        value = float(number)
    except ValueError:
        raise CatalogueError(f"--max-loss is a percentage such as 1%, not {text!r}") from None
    if not text.strip().endswith("%") or not 0 <= value <= 100:
        raise CatalogueError(f"--max-loss is a percentage such as 1%, not {text!r}")
    return value / 100


def _print_losses(losses: list[LayerLoss]) -> None:
    from math import log10

    from harness.cli.tables import Table, print_table

    def ratio(loss: LayerLoss) -> str:
        if loss.refused:
            return loss.refused
        return f"{-10 * log10(loss.noise):.1f}" if loss.noise > 0 else "no change"

    rows = tuple(
        (
            loss.layer,
            loss.type,
            ratio(loss),
            str(loss.saved_bytes),
            "" if loss.score is None else f"{loss.score:.2%}",
        )
        for loss in sorted(losses, key=lambda loss: -loss.noise)
    )
    print_table(Table(("layer", "type", "SQNR dB", "saved bytes", "top-1"), rows))
