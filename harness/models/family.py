"""What the catalogue knows about a model family, and the recipe that follows for one file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.errors import CatalogueError
from harness.models.convert import RECIPE_REVISION
from harness.models.declaration import TensorDeclaration
from harness.models.files import digest_of_data
from harness.models.methods import Parameters, check_parameters
from harness.models.policy import Policy
from harness.variant import ModelFormat


@dataclass(frozen=True, slots=True)
class Calibration:
    """What activation ranges are measured on: ``samples`` inputs that ``seed`` chooses.

    ``data`` is ``dataset`` for the training split of the family's dataset, ``random``, or where the
    user's own data lie.
    """

    data: str | Path
    samples: int
    seed: int

    @property
    def source(self) -> Path | None:
        """The user's own data, None where they are not wanted."""
        return self.data if isinstance(self.data, Path) else None

    def to_json(self) -> dict[str, object]:
        """Plain data for a recipe: of a user's own data the contents count, not their place."""
        plain: dict[str, object] = {"samples": self.samples, "seed": self.seed}
        if isinstance(self.data, Path):
            return {"data": self.data.name, **plain, "content": digest_of_data(self.data)}
        return {"data": self.data, **plain}


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One variant of a family: ``method`` makes it, from the variant ``source`` if there is one.

    ``teacher`` holds the builder's parameters of the larger network that a distilled one learns
    from; parameters that it does not name are the family's. ``parameters`` are the method's, all of
    them; ``policy`` is for the method ``mixed``.
    """

    precision: str
    method: str
    source: str | None = None
    calibration: Calibration | None = None
    teacher: dict[str, float] | None = None
    parameters: Parameters = field(default_factory=dict)
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One model family; ``origin`` is the ``file:line`` that defines it.

    The families of one grid have the same ``base``, the name of the family that the catalogue
    defines, and each its own ``point``: the value on each axis, such as width and resolution.
    """

    name: str
    task: str
    licence: str
    builder: str
    weights: str
    seed: int
    inputs: tuple[TensorDeclaration, ...]
    outputs: tuple[TensorDeclaration, ...]
    formats: tuple[ModelFormat, ...]
    variants: dict[str, VariantSpec]
    parameters: dict[str, float] = field(default_factory=dict)
    note: str = ""
    origin: str = ""
    dataset: str | None = None
    base: str = ""
    point: dict[str, float] = field(default_factory=dict)

    @property
    def input(self) -> TensorDeclaration:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> TensorDeclaration:
        """The first output."""
        return self.outputs[0]

    def refusal(self, variant: str, fmt: ModelFormat) -> str | None:
        """Why a variant cannot be made in a format; None where it can."""
        spec = self.variants[variant]
        try:
            check_parameters(spec.method, spec.parameters, fmt)
            if spec.policy is not None:
                spec.policy.check(fmt)
        except CatalogueError as error:
            return str(error)
        return None

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
            "inputs": [asdict(item) for item in family.inputs],
            "outputs": [asdict(item) for item in family.outputs],
            "dataset": family.dataset,
        },
        "format": str(fmt),
        "method": spec.method,
        "parameters": spec.parameters,
        "policy": spec.policy.to_json() if spec.policy else None,
        "teacher": spec.teacher,
        "calibration": spec.calibration.to_json() if spec.calibration else None,
        "source": recipe(family, spec.source, fmt) if spec.source else None,
    }


def recipe_key(made: dict[str, object]) -> str:
    """A name for a recipe that changes whenever the recipe does."""
    canonical = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
