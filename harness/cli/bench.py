"""``benchfarm bench``: no scenario file; one or more models, one table."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.options import results_option, select_option

OUTPUTS = ("table", "md", "csv", "json")


@click.command(short_help="Measure a model file now.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@select_option
@click.option("-e", "--engine", "engines", multiple=True, help="tflite, onnxruntime; default: all.")
@click.option("-d", "--delegate", "delegates", multiple=True, default=("cpu",), show_default=True)
@click.option("-t", "--threads", default="1", show_default=True, help="Thread counts: 1,2,4.")
@click.option("-b", "--batch", default="1", show_default=True, help="Batch sizes: 1,8.")
@click.option("-r", "--repeats", default=3, show_default=True, help="Fresh processes per cell.")
@click.option("--seconds", default=5.0, show_default=True, help="Timed seconds per trial.")
@click.option("--profile", is_flag=True, help="Profile each operator as well.")
@click.option("-o", "--output", type=click.Choice(OUTPUTS), default="table", show_default=True)
@results_option
def bench(
    models: tuple[str, ...],
    selectors: tuple[str, ...],
    engines: tuple[str, ...],
    delegates: tuple[str, ...],
    threads: str,
    batch: str,
    repeats: int,
    seconds: float,
    profile: bool,
    output: str,
    results: Path,
) -> int:
    """Measure each MODEL: a .tflite or .onnx file, FAMILY[/VARIANT] of the catalogue, or your own
    variant by its name.

    Latency is taken back to back after a steady warm-up, in fresh processes; the run is stored
    like any other.
    """
    from harness.cli import campaign
    from harness.cli.outcome import conclude
    from harness.models.catalogue import Catalogue
    from harness.scenario_file import loads, parse_selector

    catalogue = Catalogue.load([])
    families = {name: tuple(catalogue.variant_names(name)) for name in catalogue.families}
    document = {
        "schema": 1,
        "name": "bench",
        "models": [entry for name in models for entry in _entries(name, families)],
        "devices": ["local"],
        "blocks": [
            {
                "engine": list(engines) or ["tflite", "onnxruntime"],
                "delegate": list(delegates),
                "threads": _numbers("--threads", threads),
                "batch": _numbers("--batch", batch),
            }
        ],
        "loads": [
            {
                "kind": "single_stream",
                "min_seconds": seconds,
                "min_inferences": 50,
                "max_seconds": max(600.0, 2 * seconds),
            }
        ],
        "repeats": repeats,
        "profile": "separate" if profile else "none",
    }
    scenario = loads(json.dumps(document), "benchfarm bench", Path.cwd())
    choices = campaign.Choices(
        results=results, selectors=tuple(parse_selector(text) for text in selectors)
    )
    return conclude(results, campaign.start(scenario, choices), output)


def _entries(name: str, families: dict[str, tuple[str, ...]]) -> list[dict[str, object]]:
    """A scenario's model entries; an existing file wins over a family of the same name."""
    from harness.cli.names import own_variants, split_model_name

    family, variant = split_model_name(name)
    if Path(name).is_file():
        return [{"path": str(Path(name).absolute())}]
    own = own_variants(name)
    if family in families and not own:
        return [{"family": family, "variants": [variant] if variant else list(families[family])}]
    return [{"path": str(path)} for path in own] or [{"path": str(Path(name).absolute())}]


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise click.UsageError(f"{option} takes whole numbers with commas, not {text!r}") from error
