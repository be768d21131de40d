"""``benchfarm models``: the families of the catalogue and their files."""

from __future__ import annotations

import click


@click.group(short_help="List and build the models of the catalogue.")
def models() -> None:
    """The families of the catalogue and their variants."""


@models.command("list")
def list_models() -> int:
    """List every variant, and which files are built already."""
    from harness.cli.tables import Table, print_table
    from harness.models.cache import ModelCache
    from harness.models.catalogue import Catalogue
    from harness.units import format_mib
    from harness.variant import ModelFormat

    catalogue, cache = Catalogue.load([]), ModelCache()
    rows = []
    for family in catalogue.families:
        for name in catalogue.variant_names(family):
            for fmt in ModelFormat:
                variant = cache.describe(catalogue, family, name, fmt)
                built = variant.digest != "unbuilt"
                rows.append(
                    (
                        variant.label,
                        str(fmt),
                        variant.precision,
                        f"{format_mib(variant.size_bytes)} MiB" if built else "not built",
                        variant.digest[:12] if built else "",
                    )
                )
    print_table(Table(("variant", "format", "precision", "size", "SHA-256"), tuple(rows)))
    return 0


@models.command("build")
@click.argument("names", nargs=-1, metavar="[FAMILY[/VARIANT]]...")
def build_models(names: tuple[str, ...]) -> int:
    """Build variants into the cache; all of them when none is named."""
    from harness.cli.names import split_model_name
    from harness.models.cache import ModelCache
    from harness.models.catalogue import Catalogue
    from harness.variant import ModelFormat

    catalogue, cache = Catalogue.load([]), ModelCache()
    for name in names or tuple(catalogue.families):
        family, variant = split_model_name(name)
        for each in [variant] if variant else catalogue.variant_names(family):
            for fmt in ModelFormat:
                made = cache.materialise(
                    catalogue, family, each, fmt, progress=lambda text: click.echo(text, err=True)
                )
                click.echo(f"{made.variant.label} {fmt}: {made.path}")
    return 0
