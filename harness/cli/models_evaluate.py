"""``benchfarm models evaluate``: accuracy through the runner of a device, stored as a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.models_options import catalogue_option
from harness.cli.options import json_option, results_option, select_option
from harness.errors import CatalogueError
from harness.scenario import ACCURACY_METRICS

if TYPE_CHECKING:
    from harness.cli.outcome import Amendment
    from harness.models.catalogue import Catalogue
    from harness.store.run_reader import RunReader
    from reports.model import CellView, ReportModel

_REFERENCE = "fp32"


@click.command("evaluate")
@click.argument("names", nargs=-1, required=True, metavar="NAME[/VARIANT]|FILE...")
@click.option(
    "--dataset", metavar="NAME|NPZ|FOLDER|random",
    help="digits, your own arrays with labels, or random inputs to compare with fp32 only; "
    "default: the family's own.",
)  # fmt: skip
@click.option(
    "--metric", "metrics", multiple=True, type=click.Choice(ACCURACY_METRICS),
    help="May be repeated; default: all that the data allow.",
)  # fmt: skip
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="FILE",
    help="The float model that FILEs are compared with; a family has its fp32 variant.",
)  # fmt: skip
@select_option
@click.option("-e", "--engine", "engines", multiple=True, help="tflite, onnxruntime; default: all.")
@click.option("-d", "--delegate", "delegates", multiple=True, default=("cpu",), show_default=True)
@catalogue_option
@results_option
@json_option
def evaluate_models(
    names: tuple[str, ...],
    dataset: str | None,
    metrics: tuple[str, ...],
    against: Path | None,
    selectors: tuple[str, ...],
    engines: tuple[str, ...],
    delegates: tuple[str, ...],
    catalogue_file: Path | None,
    results: Path,
    as_json: bool,
) -> int:
    """Measure how accurate models are on a dataset's test split, where they would run.

    Each answer comes from the runner of the device, so the figures belong to that very file,
    engine and delegate. A family's fp32 variant is asked, too, and the others are compared with it;
    your own variant is compared with the FILE that it was made from, if you name that as well.
    """
    from harness.cli import campaign
    from harness.cli.outcome import conclude
    from harness.models.catalogue import Catalogue
    from harness.scenario_file import loads, parse_selector

    catalogue = Catalogue.load([catalogue_file] if catalogue_file else [])
    models = _entries(catalogue, [*names, *([str(against)] if against else [])])
    chosen = list(engines) or ["tflite", "onnxruntime"]
    document = {
        "schema": 1,
        "name": "evaluate",
        "models": models,
        "blocks": [{"engine": chosen, "delegate": list(delegates), "threads": 1}],
        "loads": [],
        "order": "blocked",  # nothing is timed, and tables keep the order of the catalogue
        "accuracy": {
            "dataset": _dataset(dataset, catalogue, models),
            **({"metrics": list(metrics)} if metrics else {}),
        },
        **({"catalogue": str(catalogue_file.absolute())} if catalogue_file else {}),
        "repeats": 1,
    }
    scenario = loads(json.dumps(document), "benchfarm models evaluate", Path.cwd())
    choices = campaign.Choices(
        results=results, selectors=tuple(parse_selector(text) for text in selectors)
    )
    amend = _comparison(against) if against else None
    ended = campaign.start(scenario, choices)
    return conclude(results, ended, "json" if as_json else "table", amend)


def _entries(catalogue: Catalogue, names: list[str]) -> list[dict[str, object]]:
    """The scenario's models: families with their fp32 variant in front, and files."""
    from harness.cli.names import own_variants, split_model_name

    files: list[dict[str, object]] = []
    variants: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(names):
        if Path(name).suffix.lower() in (".onnx", ".tflite"):
            if not Path(name).is_file():
                raise CatalogueError(f"{name}: there is no such file")
            files.append({"path": str(Path(name).absolute())})
            continue
        own = own_variants(name)
        if own:
            files += [{"path": str(path)} for path in own]
            continue
        family, variant = split_model_name(name)
        known = catalogue.variant_names(family)
        if variant is not None:
            catalogue.check_variant(family, variant)
        wanted = variants.setdefault(family, {})
        if _REFERENCE in known:
            wanted[_REFERENCE] = None
        wanted |= dict.fromkeys([variant] if variant else known)
    families: list[dict[str, object]] = [
        {"family": name, "variants": list(found)} for name, found in variants.items()
    ]
    return [*families, *files]


def _dataset(given: str | None, catalogue: Catalogue, models: list[dict[str, object]]) -> str:
    """The dataset for all of them; a path is made absolute."""
    if given is not None:
        path = Path(given)
        if path.suffix.lower() != ".npz" and not path.is_dir():
            return given
        if not path.exists():
            raise CatalogueError(f"{given}: there is no such file")
        return str(path.absolute())
    own = {
        catalogue.family(str(model["family"])).dataset if "family" in model else None
        for model in models
    }
    name = own.pop()
    if own or name is None:
        raise CatalogueError(
            "these models do not have one dataset of their own; give --dataset data.npz, or "
            "--dataset random to compare them with fp32 only"
        )
    return name


def _comparison(against: Path) -> Amendment:
    """Adds to a report how the user's other files compare with the file ``against``."""
    from harness.models.files import digest_of
    from harness.validity.accuracy import loss_against

    digest = digest_of(against)

    def amend(run: RunReader, model: ReportModel) -> ReportModel:
        asked = [record for record in run.records() if record.accuracy is not None]
        records = {record.trial.cell.key: record for record in asked}
        reference = next((r for r in asked if r.trial.cell.variant.digest == digest), None)

        def compared(cell: CellView) -> CellView:
            if reference is None or cell.key not in records or digest == cell.digest:
                return cell
            return replace(cell, loss=cell.loss or loss_against(records[cell.key], reference))

        return replace(model, cells=tuple(compared(cell) for cell in model.cells))

    return amend
