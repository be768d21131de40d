"""``benchfarm models``: the families of the catalogue and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.cli.models_check import import_model, show_model, verify_models
from harness.cli.models_coreml import write_coreml
from harness.cli.models_evaluate import evaluate_models
from harness.cli.models_mixed import list_layers, search_policy, show_sensitivity
from harness.cli.models_options import calibration_options, catalogue_option, shape_option
from harness.cli.models_recommend import recommend_models
from harness.cli.options import json_option

#: Fewer say little about the range of an activation, more change nothing but the time.
_GOOD_SAMPLES = (100, 1000)


@click.group(short_help="Build, prove, compare and choose model variants.")
def models() -> None:
    """The families of the catalogue, their variants, and your own model files."""


for _command in (
    show_model,
    verify_models,
    import_model,
    list_layers,
    show_sensitivity,
    search_policy,
    write_coreml,
    evaluate_models,
    recommend_models,
):
    models.add_command(_command)


@models.command("list")
@click.option("--grid", is_flag=True, help="Every point of the families' grids, too.")
@catalogue_option
@json_option
def list_models(grid: bool, catalogue_file: Path | None, as_json: bool) -> int:
    """List every variant, and which files are built already."""
    import json

    from harness.cli.tables import Table, print_table
    from harness.units import format_mib

    rows = list(_listed(catalogue_file, grid=grid))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    shown = tuple(
        (
            row["variant"],
            row["format"],
            row["precision"],
            f"{format_mib(row['size_bytes'])} MiB" if row["digest"] else row["state"],
            row["digest"][:12],
        )
        for row in rows
    )
    print_table(Table(("variant", "format", "precision", "size", "SHA-256"), shown))
    return 0


@models.command("methods")
def list_methods() -> int:
    """List the methods, their parameters, and which format cannot have which."""
    from harness.models.methods import METHODS

    for name, method in METHODS.items():
        click.echo(f"{name}: {method.summary}")
        for fmt, reason in method.unsupported.items():
            click.echo(f"    not supported for {fmt}: {reason}")
        for key, parameter in method.parameters.items():
            choices = ", ".join(str(choice).lower() for choice in parameter.choices)
            told = choices or "from {:g} to {:g}".format(*(parameter.limits or (0, 0)))
            default = str(parameter.default).lower()
            click.echo(f"    {key} ({told}; default {default}): {parameter.meaning}")
    return 0


@models.command("build")
@click.argument("names", nargs=-1, metavar="[FAMILY[/VARIANT] | FILE]...")
@click.option("--method", help="For a FILE: how to make the variant; see benchfarm models methods.")
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE",
    help="For a FILE: a setting of the method, as in -p granularity=tensor.",
)  # fmt: skip
@click.option("--policy", type=click.Path(path_type=Path), help="For --method mixed: policy.yaml.")
@click.option("--as", "name", metavar="NAME", help="What to call your own variant.")
@calibration_options
@shape_option
@catalogue_option
def build_models(names: tuple[str, ...], catalogue_file: Path | None, **choices: Any) -> int:
    """Build and prove variants; the catalogue's without its grids when none is named.

    A FILE is a float .onnx or .tflite of your own: give --method too. With --calibration, a
    FAMILY/VARIANT is measured on your own data and becomes a variant of its own.
    """
    files = [name for name in names if Path(name).suffix.lower() in (".onnx", ".tflite")]
    families = [name for name in names if name not in files]
    if files:
        _build_files(files, **choices)
    else:
        _refuse_for_families(choices)
    if families and choices["calibration"] is not None:
        _recalibrate(families, catalogue_file, **choices)
    elif families or not files:
        _build_families(tuple(families), catalogue_file)
    return 0


def _refuse_for_families(choices: dict[str, Any]) -> None:
    """What would be ignored is refused."""
    for key, option in (
        ("method", "--method"), ("policy", "--policy"), ("parameters", "-p"), ("shapes", "--shape"),
    ):  # fmt: skip
        if choices[key]:
            raise click.UsageError(
                f"{option} is for a FILE; a family's variants say in a catalogue file how they are "
                "made: write one of your own and give --catalogue"
            )
    if choices["name"] is not None and choices["calibration"] is None:
        raise click.UsageError("--as names what --calibration or --method makes; add one of them")


def _recalibrate(names: list[str], catalogue_file: Path | None, **choices: Any) -> None:
    """Variants of families, with their activation ranges measured on the user's data."""
    from harness.cli.inference import LocalInfer
    from harness.cli.models_options import recalibration
    from harness.models.cache import ModelCache
    from harness.models.catalogue import Catalogue
    from harness.models.recalibrated import recalibrate

    if choices["name"] is not None and len(names) > 1:
        raise click.UsageError("--as names one variant; build the others apart")
    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    cache = ModelCache(infer=LocalInfer())
    for name in names:
        for manifest in recalibrate(cache, catalogue, recalibration(name, **choices), _note):
            click.echo(f"{_built_line(manifest)}: {cache.path_of(manifest['digest'])}")
            _tell_samples(manifest)


def _build_files(files: list[str], **choices: Any) -> None:
    from harness.cli.inference import LocalInfer
    from harness.cli.models_options import file_build
    from harness.models.cache import ModelCache
    from harness.models.user_models import UserModels

    infer = LocalInfer()
    cache = ModelCache(infer=infer)
    user = UserModels(cache, infer)
    for name in files:
        manifest = user.build(file_build(Path(name), **choices), _note)
        click.echo(f"{_built_line(manifest)}: {cache.path_of(manifest['digest'])}")
        _tell_samples(manifest)


def _build_families(names: tuple[str, ...], catalogue_file: Path | None) -> None:
    """Every variant in every format that it can have; a reason is given where it cannot."""
    from harness.cli.inference import LocalInfer
    from harness.cli.names import split_model_name
    from harness.models.cache import ModelCache
    from harness.models.catalogue import Catalogue

    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    cache = ModelCache(infer=LocalInfer())
    for name in names or catalogue.bases():
        family, variant = split_model_name(name)
        for each in [variant] if variant else catalogue.variant_names(family):
            known = catalogue.family(family)
            catalogue.check_variant(family, each)
            for fmt in known.formats:
                reason = known.refusal(each, fmt)
                if reason is not None:
                    click.echo(f"{family}/{each} {fmt}: not built: {reason}")
                    continue
                made = cache.materialise(catalogue, family, each, fmt, progress=_note)
                click.echo(f"{made.variant.label} {fmt}: {made.path}")


def _listed(catalogue_file: Path | None, *, grid: bool) -> Any:
    from harness.models.cache import UNBUILT, ModelCache
    from harness.models.catalogue import Catalogue
    from harness.models.user_models import variant_of

    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    cache = ModelCache()
    for family in catalogue.families if grid else catalogue.bases():
        for name in catalogue.variant_names(family):
            for fmt in catalogue.variant_formats(family, name):
                variant = cache.describe(catalogue, family, name, fmt)
                yield _row(variant, built=variant.digest != UNBUILT)
    for manifest in cache.files.named_manifests():
        yield _row(variant_of(manifest), built=True)


def _row(variant: Any, *, built: bool) -> dict[str, Any]:
    return {
        "variant": variant.label,
        "format": str(variant.format),
        "precision": variant.precision,
        "size_bytes": variant.size_bytes,
        "digest": variant.digest if built else "",
        "state": "built" if built else "not built",
    }


def _tell_samples(manifest: dict[str, Any]) -> None:
    """Say so where ranges were measured on fewer or more samples than is good."""
    samples = (manifest.get("calibration") or {}).get("samples")
    if samples is not None and not _GOOD_SAMPLES[0] <= samples <= _GOOD_SAMPLES[1]:
        few, many = _GOOD_SAMPLES
        _note(f"calibrated on {samples} samples; {few} to {many} are advised")


def _built_line(manifest: dict[str, Any]) -> str:
    proof, findings = manifest["proof"], ", ".join(manifest["findings"])
    return (
        f"{manifest['model']}/{manifest['variant']} {manifest['format']}: "
        f"{proof['size_ratio']:.2f} times the size, least cosine {proof['cosine_min']:.4f}"
        f"{f', {findings}' if findings else ''}"
    )


_note: Callable[[str], None] = lambda text: click.echo(text, err=True)  # noqa: E731
