"""``benchfarm models evaluate``: accuracy through the runner of a device, stored as a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.models_options import catalogue_option
from harness.cli.options import json_option, results_option, select_option
from harness.errors import CatalogueError
from harness.scenario import ACCURACY_METRICS

if TYPE_CHECKING:
    from harness.models.catalogue import Catalogue

_REFERENCE = "fp32"


@click.command("evaluate")
@click.argument("names", nargs=-1, required=True, metavar="NAME[/VARIANT]|FILE...")
@click.option(
    "--dataset", metavar="NAME|NPZ|FOLDER|random",
    help="digits, your own arrays or images with labels, or random inputs to compare with fp32; "
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
    asked = _asked(catalogue, names, against)
    chosen = list(engines) or ["tflite", "onnxruntime"]
    document = {
        "schema": 1,
        "name": "evaluate",
        "models": [item.entry for item in asked],
        "blocks": [{"engine": chosen, "delegate": list(delegates), "threads": 1}],
        "loads": [],
        "order": "blocked",  # nothing is timed, and tables keep the order of the catalogue
        "accuracy": {
            "dataset": _dataset(dataset, catalogue, asked),
            **({"metrics": list(metrics)} if metrics else {}),
        },
        **({"catalogue": str(catalogue_file.absolute())} if catalogue_file else {}),
        "repeats": 1,
    }
    scenario = loads(json.dumps(document), "benchfarm models evaluate", Path.cwd())
    choices = campaign.Choices(
        results=results, selectors=tuple(parse_selector(text) for text in selectors)
    )
    ended = campaign.start(scenario, choices)
    return conclude(results, ended, "json" if as_json else "table")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The scenario's entry for some models, and the family whose data they are asked; or None."""

    entry: dict[str, object]
    family: str | None


def _asked(catalogue: Catalogue, names: tuple[str, ...], against: Path | None) -> list[_Asked]:
    """Families with their fp32 variant in front, then files with their original."""
    from harness.cli.names import own_manifests, split_model_name

    files: list[_Asked] = [] if against is None else [_file(against, None)]
    variants: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(names):
        if Path(name).suffix.lower() in (".onnx", ".tflite"):
            if Path(name) != against:
                files.append(_file(Path(name), against))
            continue
        own = own_manifests(name)
        files += [_own(manifest, against) for manifest in own]
        families = {item["family"] for item in own if item.get("family") in catalogue.families}
        for family in families:
            _with_reference(catalogue, family, variants)
        if not own:
            family, variant = split_model_name(name)
            known = catalogue.variant_names(family)
            if variant is not None:
                catalogue.check_variant(family, variant)
            wanted = _with_reference(catalogue, family, variants)
            wanted |= dict.fromkeys([variant] if variant else known)
    asked = [_Asked({"family": n, "variants": list(v)}, n) for n, v in variants.items() if v]
    return [*asked, *files]


def _with_reference(
    catalogue: Catalogue, family: str, variants: dict[str, dict[str, None]]
) -> dict[str, None]:
    """What is asked of a family, its fp32 variant first where it has one."""
    wanted = variants.setdefault(family, {})
    if _REFERENCE in catalogue.variant_names(family):
        wanted[_REFERENCE] = None
    return wanted


def _file(path: Path, against: Path | None) -> _Asked:
    if not path.is_file():
        raise CatalogueError(f"{path}: there is no such file")
    entry: dict[str, object] = {"path": str(path.absolute())}
    if against is not None and against.absolute() != path.absolute():
        entry["original"] = str(against.absolute())
    return _Asked(entry, None)


def _own(manifest: dict[str, Any], against: Path | None) -> _Asked:
    """A variant that the user has built or imported."""
    from harness.models.cache import ModelCache

    path = ModelCache().path_of(str(manifest["digest"]))
    return _Asked(_file(path, against).entry, manifest.get("family"))


def _dataset(given: str | None, catalogue: Catalogue, asked: list[_Asked]) -> str:
    """The dataset for all of them; a path is made absolute."""
    if given is not None:
        path = Path(given)
        if path.suffix.lower() != ".npz" and not path.is_dir():
            return given
        if not path.exists():
            raise CatalogueError(f"{given}: there is no such file")
        return str(path.absolute())
    families = (catalogue.families.get(item.family or "") for item in asked)
    own = {family.dataset if family else None for family in families}
    name = own.pop() if len(own) == 1 else None
    if name is None:
        raise CatalogueError(
            "these models do not have one dataset of their own; give --dataset data.npz, or "
            "--dataset random to compare them with fp32 only"
        )
    return name
