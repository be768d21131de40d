"""``benchfarm models coreml``: a family as a Core ML package, for Apple devices."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.models_options import catalogue_option


@click.command("coreml")
@click.argument("name", metavar="FAMILY[/VARIANT]")
@click.option(
    "--precision", type=click.Choice(["fp16", "fp32"]), default="fp16", show_default=True,
    help="What it computes in.",
)  # fmt: skip
@click.option(
    "--weights", default="none", show_default=True,
    type=click.Choice(["none", "int8", "int4", "palette8", "palette6", "palette4", "palette2"]),
    help="How the weights are stored: linear integers, or a palette of 2**n values.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FOLDER")
@catalogue_option
def write_coreml(
    name: str, precision: str, weights: str, output: Path, catalogue_file: Path | None
) -> int:
    """Write a family's float network as FOLDER/NAME.mlpackage with its manifest beside it.

    The package is converted, compressed and looked into here; only an Apple device can run it.
    """
    from harness.models.apple import write_package
    from harness.models.cache import ModelCache
    from harness.models.catalogue import Catalogue

    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    manifest = write_package(catalogue, ModelCache(), name, precision, weights, output)
    click.echo(
        f"{manifest['package']}: {manifest['size_bytes']} bytes, weights "
        f"{json.dumps(manifest['inspection']['weight_bytes'])}; {manifest['proof']['against']}"
    )
    return 0
