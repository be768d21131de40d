"""What the catalogue knows about a model family, and the recipe that follows for one file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from harness.models.convert import RECIPE_REVISION
from harness.variant import ModelFormat


@dataclass(frozen=True, slots=True)
class TensorDeclaration:
    """The input or output of a family, as the catalogue declares it.

    ``shape`` includes the batch; images are NHWC here, whatever a file format makes of it.
    ``range`` is the least and greatest value that preprocessing produces; inputs have one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str | None = None
    range: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What activation ranges are measured on: ``samples`` inputs of a seeded random source."""

    data: str
    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One variant of a family: ``method`` makes it, from the variant ``source`` if there is one."""

    precision: str
    method: str
    source: str | None = None
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One model family; ``origin`` is the ``file:line`` that defines it."""

    name: str
    task: str
    licence: str
    builder: str
    weights: str
    seed: int
    input: TensorDeclaration
    output: TensorDeclaration
    formats: tuple[ModelFormat, ...]
    variants: dict[str, VariantSpec]
    parameters: dict[str, float] = field(default_factory=dict)
    note: str = ""
    origin: str = ""

    def findings(self, variant: str) -> tuple[str, ...]:
        """IDs of the findings that every measurement of a variant carries."""
        calibration = self.variants[variant].calibration
        ids = ["SYNTHETIC-MODEL"] if self.weights == "seeded" else []
        if calibration is not None and calibration.data == "random":
            ids.append("RANDOM-CALIBRATION")
        return tuple(ids)


def recipe(family: Family, variant: str, fmt: ModelFormat) -> dict[str, object]:
    """Everything that decides the bytes of one file, as plain JSON data.

    Names, notes and licences may change without a new build; the names of tensors are in the file.
    """
    spec = family.variants[variant]
    return {
        "revision": RECIPE_REVISION,
        "network": {
            "builder": family.builder,
            "parameters": family.parameters,
            "seed": family.seed,
            "input": asdict(family.input),
            "output": asdict(family.output),
        },
        "format": str(fmt),
        "method": spec.method,
        "calibration": asdict(spec.calibration) if spec.calibration else None,
        "source": recipe(family, spec.source, fmt) if spec.source else None,
    }


def recipe_key(made: dict[str, object]) -> str:
    """A name for a recipe that changes whenever the recipe does."""
    canonical = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
