"""Proof, not labels: a built file is run beside its original before it gets its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import Cancelled, CatalogueError, HarnessError, UserError
from harness.models.agreement import agreement
from harness.models.claims import Claim, check_file, check_outputs
from harness.models.convert.feeds import channels_first, digest_of
from harness.models.datasets.samples import calibration_set, proof_feeds
from harness.models.declaration import TensorDeclaration, declaration_of
from harness.models.inference import Feeds, Infer, Outputs, Shapes, sample_count
from harness.models.inspection import Inspection, Port
from harness.variant import ModelFormat

SAMPLES = 8  #: how many inputs a file is compared on
_SEED = 0x70726F6F66  #: apart from every calibration seed, so that proof is no repetition


@dataclass(frozen=True, slots=True)
class ProofInputs:
    """Where the inputs for comparing come from, so that ``verify`` makes the same ones again.

    They are from ``user`` (an .npz or a folder), else from ``dataset``, else random. ``images``
    tells that inputs of rank four are NHWC here and NCHW in an ONNX file; ``shapes`` fixes inputs
    whose dimensions are free in the file.
    """

    inputs: tuple[TensorDeclaration, ...]
    dataset: str | None = None
    user: Path | None = None
    images: bool = True
    shapes: Shapes = field(default_factory=dict)

    def feeds(self, fmt: ModelFormat) -> Feeds:
        """The inputs as the file takes them; random ones where the user's are gone."""
        if self.user is not None and self.user.exists():
            made = calibration_set(self.inputs, None, SAMPLES, _SEED, source=self.user).inputs
        else:
            made = proof_feeds(self.inputs, self.dataset, SAMPLES, _SEED)
        return native(made, fmt) if self.images else made

    def to_json(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        return {
            "inputs": [asdict(item) for item in self.inputs],
            "dataset": self.dataset,
            "user": str(self.user) if self.user else None,
            "images": self.images,
            "shapes": dict(self.shapes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProofInputs:
        """The inverse of :meth:`to_json`."""
        inputs = tuple(declaration_of(item) for item in data["inputs"])
        user = Path(data["user"]) if data["user"] else None
        shapes = {name: tuple(shape) for name, shape in data["shapes"].items()}
        return cls(inputs, data["dataset"], user, data["images"], shapes)


@dataclass(frozen=True, slots=True)
class Proven:
    """A file's part of its manifest, and the findings it carries."""

    proof: dict[str, Any]
    findings: tuple[str, ...]


def native(feeds: Feeds, fmt: ModelFormat) -> Feeds:
    """Inputs of a family's network as a file of that format takes them."""
    return channels_first(dict(feeds)) if fmt is ModelFormat.ONNX else feeds


def prove(
    infer: Infer,
    fmt: ModelFormat,
    files: tuple[Path, Path],
    checks: ProofInputs,
    claim: Claim,
    inspection: Inspection,
) -> Proven:
    """Look into a file, run it and its original (``files``), and compare.

    Raises :class:`CatalogueError` when the file does not run or is not what it is called.
    """
    check_file(claim, inspection)
    feeds = checks.feeds(fmt)
    target, source = files
    outputs, wanted = (run(infer, path, fmt, feeds, checks.shapes) for path in files)
    figures = agreement(outputs, wanted)
    findings = check_outputs(claim, figures)
    proof = {
        "against": "the float32 original",
        "run_by": "the local runner, in a process of its own",
        "inputs": checks.to_json(),
        "inputs_digest": digest_of(dict(feeds)),
        "size_ratio": round(target.stat().st_size / source.stat().st_size, 4),
        **figures.to_json(),
    }
    return Proven(proof, findings)


def run(
    infer: Infer, path: Path, fmt: ModelFormat, feeds: Feeds, shapes: Shapes | None = None
) -> Outputs:
    """The file's outputs; :class:`CatalogueError` with the engine's words where it does not run."""
    try:
        outputs = infer(path, fmt, feeds, shapes or {})
    except (UserError, Cancelled):
        raise
    except HarnessError as error:
        raise CatalogueError(f"the file does not run: {error}") from error
    if len(outputs) != sample_count(feeds):
        raise CatalogueError(f"{len(outputs)} of {sample_count(feeds)} samples came back")
    return outputs


def needed(infer: Infer | None) -> Infer:
    """The runner to prove with; :class:`CatalogueError` where nobody gave one."""
    if infer is None:
        raise CatalogueError("nothing here can run the file to prove it; use the command line")
    return infer


def declarations(ports: Sequence[Port], shapes: Shapes) -> tuple[TensorDeclaration, ...]:
    """The inputs of a user's file as declarations; ``shapes`` are for free dimensions.

    A free first dimension is the batch, 1. Raises :class:`CatalogueError` for another free one.
    """
    return tuple(_declaration(port, shapes.get(port.name)) for port in ports)


def _declaration(port: Port, given: tuple[int, ...] | None) -> TensorDeclaration:
    shape = tuple((size or 1) if place == 0 else size for place, size in enumerate(port.shape))
    if given is not None:
        fits = len(given) == len(shape) and all(
            old in (None, new) for old, new in zip(port.shape, given, strict=True)
        )
        if not fits:
            raise CatalogueError(f"the shape {list(given)} does not fit the input {_text(port)}")
        shape = given
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) != len(shape):
        raise CatalogueError(
            f"the input {_text(port)} has free dimensions; fix them with --shape {port.name}=1,..."
        )
    if sizes[:1] != (1,):
        sizes = (1, *sizes)  # no batch in front: a sample is the whole tensor
    is_real = port.scale is not None or port.dtype.startswith("float")
    kind = "float32" if is_real else port.dtype
    return TensorDeclaration(port.name, sizes, kind, range=None if is_real else (0.0, 1.0))


def _text(port: Port) -> str:
    sizes = ["?" if size is None else str(size) for size in port.shape]
    return f"{port.name!r} [{', '.join(sizes)}]"
