"""``benchfarm models show``, ``verify`` and ``import``: what files are, and proof of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.models_options import parse_shapes, shape_option
from harness.cli.options import json_option
from harness.errors import CatalogueError

if TYPE_CHECKING:
    from harness.models.inference import Shapes
    from harness.models.inspection import Inspection

_UNVERIFIED = 1  #: exit code when a check failed


@click.command("show")
@click.argument("name", metavar="FAMILY/VARIANT|FILE|SHA-256")
@click.option("--tensors", is_flag=True, help="List every weight, tensor and operator too.")
@json_option
def show_model(name: str, tensors: bool, as_json: bool) -> int:
    """Show how a variant was made and what its file really is."""
    manifests = _manifests(name)
    if as_json:
        click.echo(json.dumps(manifests, indent=1))
        return 0
    from harness.models.inspection import Inspection

    for manifest in manifests:
        _print_heading(manifest)
        _print_inspection(Inspection.from_json(manifest["inspection"]), tensors=tensors)
    return 0


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[FAMILY[/VARIANT] | FILE | SHA-256]...")
@shape_option
def verify_models(names: tuple[str, ...], shapes: tuple[str, ...]) -> int:
    """Check from the files alone that variants are what they are called; all when none is named.

    The bytes, the type of every tensor, whether the file runs, and how near it is to its original.
    """
    from harness.cli.inference import LocalInfer
    from harness.models.cache import ModelCache
    from harness.models.verifying import Verifier

    cache = ModelCache()
    verifier = Verifier(cache.files, LocalInfer())
    failed = 0
    fixed = parse_shapes(shapes)
    chosen = [item for name in names for item in _manifests(name, fixed)]
    for manifest in chosen if names else cache.files.manifests():
        click.echo(_title(manifest))
        for check in verifier.verify(manifest):
            failed += bool(check.problem)
            mark = f"FAILED: {check.problem}" if check.problem else "ok"
            click.echo(f"  {check.what}: {check.found}: {mark}")
    return _UNVERIFIED if failed else 0


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, metavar="MODEL/VARIANT", help="What to call it.")
@click.option("--precision", required=True, help="What it must prove to be, such as int8.")
@click.option(
    "--original", type=click.Path(path_type=Path), metavar="FILE",
    help="The float file that it was made from, to compare with.",
)  # fmt: skip
@shape_option
def import_model(
    file: Path, name: str, precision: str, original: Path | None, shapes: tuple[str, ...]
) -> int:
    """Take in a variant made elsewhere (QAT, distilled, searched), checked like our own."""
    from harness.cli.inference import LocalInfer
    from harness.models.cache import ModelCache
    from harness.models.user_models import UserModels

    user = UserModels(ModelCache(), LocalInfer())
    manifest = user.import_variant(file, name, precision, original, parse_shapes(shapes))
    click.echo(f"{_title(manifest)}: proven {precision}, SHA-256 {manifest['digest'][:12]}")
    return 0


def _manifests(name: str, shapes: Shapes | None = None) -> list[dict[str, Any]]:
    """The manifests that a name, a digest or a file's bytes stand for.

    With ``shapes``, which fix free dimensions, an unknown file's says how it can be run.
    """
    from harness.models.cache import ModelCache

    path = Path(name)
    if path.suffix.lower() in (".onnx", ".tflite"):
        return [_manifest_of_file(path, shapes)]
    found = ModelCache().files.manifests()
    chosen = [
        item
        for item in found
        if name in (item["model"], f"{item['model']}/{item['variant']}")
        or (len(name) >= 6 and str(item["digest"]).startswith(name))
    ]
    if not chosen:
        raise CatalogueError(f"nothing called {name!r} was built here; see benchfarm models list")
    return chosen


def _manifest_of_file(path: Path, shapes: Shapes | None) -> dict[str, Any]:
    """The manifest of a file by its bytes, or what can be said of one that nobody built here."""
    from dataclasses import asdict

    from harness.models import derived
    from harness.models.cache import ModelCache
    from harness.models.claims import precision_found
    from harness.models.proving import ProofInputs, declarations

    cache = ModelCache()
    local = cache.import_file(path)
    known = cache.files.manifest_of(local.variant.digest)
    if known is not None:
        return known
    fmt = local.variant.format
    with cache.files.workspace("inspect") as workspace:
        inspection = derived.inspect(path.name, local.path, fmt, workspace)
    proof: dict[str, Any] = {"against": "nothing"}
    if shapes is not None:
        declared = declarations(inspection.inputs, shapes)
        proof["inputs"] = ProofInputs(declared, images=False, shapes=shapes).to_json()
    return {
        **asdict(local.variant),
        "model": path.stem,
        "variant": "file",
        "format": str(fmt),
        "precision": precision_found(inspection),
        "method": "import",
        "parameters": {},
        "source_digest": None,
        "inspection": inspection.to_json(),
        "proof": proof,
    }


def _title(manifest: dict[str, Any]) -> str:
    return f"{manifest['model']}/{manifest['variant']} ({manifest['format']})"


def _print_heading(manifest: dict[str, Any]) -> None:
    click.echo(f"{_title(manifest)}: {manifest['precision']}, {manifest['size_bytes']} bytes")
    lines = {
        "SHA-256": manifest["digest"],
        "method": _method_text(manifest),
        "source": manifest.get("source_digest"),
        "calibration": manifest.get("calibration"),
        "pruned": _pruned_text(manifest),
        "multiply-accumulates": manifest.get("multiply_accumulates"),
        "proof": _proof_text(manifest["proof"]),
        "tools": manifest.get("tools"),
        "reproducible": manifest.get("reproducible"),
        "findings": ", ".join(manifest.get("findings", ())),
    }
    for name, value in lines.items():
        if value:
            click.echo(f"  {name}: {_plain(value)}")


def _print_inspection(inspection: Inspection, *, tensors: bool) -> None:
    from harness.models.inspection import CLASSES

    click.echo(f"  weights by type, in bytes: {_plain(inspection.weight_bytes)}")
    click.echo(f"  tensors between layers: {_plain(inspection.activation_counts)}")
    for kind in CLASSES:
        counts = inspection.operator_counts(kind)
        if counts:
            click.echo(f"  operators computing in {kind}: {_plain(counts)}")
    for note in inspection.notes:
        click.echo(f"  note: {note}")
    if tensors:
        _print_tensors(inspection)


def _print_tensors(inspection: Inspection) -> None:
    for weight in inspection.weights:
        shape = "x".join(map(str, weight.shape))
        click.echo(
            f"  weight {weight.name}: {weight.dtype} {shape}, {weight.role} of {weight.layer}"
        )
    for tensor in inspection.activations:
        click.echo(f"  tensor {tensor.name}: {tensor.dtype}")
    for operator in inspection.operators:
        click.echo(f"  operator {operator.name}: {operator.type}, {operator.kind}")


def _method_text(manifest: dict[str, Any]) -> str:
    settings = _plain(manifest["parameters"])
    return f"{manifest['method']} ({settings})" if settings else str(manifest["method"])


def _pruned_text(manifest: dict[str, Any]) -> str:
    pruned = manifest.get("pruned")
    if not pruned:
        return ""
    before = sum(group["before"] for group in pruned["groups"])
    after = sum(group["after"] for group in pruned["groups"])
    share = manifest["multiply_accumulates"] / pruned["multiply_accumulates_before"]
    return f"{after} of {before} channels left, {share:.0%} of the multiply-accumulates"


def _proof_text(proof: dict[str, Any]) -> str:
    figures = ("size_ratio", "max_abs_error", "cosine_min", "sqnr_db", "samples")
    shown = {name: proof[name] for name in figures if proof.get(name) is not None}
    return f"against {proof['against']}: {_plain(shown)}" if shown else str(proof["against"])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
