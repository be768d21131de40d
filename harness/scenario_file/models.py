"""The entries of ``models:``, ``blocks:`` and ``exclude:``."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.scenario import (
    DeviceSelector,
    Exclusion,
    FamilyModels,
    FileModel,
    MatrixBlock,
    ModelRef,
    Shapes,
)
from harness.scenario_file.engines import (
    AFFINITY,
    ALL_POWER_MODES,
    DELEGATES,
    ENGINES,
    OPTIONS,
    POWER_MODE,
    OptionValues,
)
from harness.scenario_file.kinds import (
    Choice,
    Cores,
    FilePath,
    Flag,
    Integer,
    Kind,
    Schema,
    Text,
    Word,
)
from harness.scenario_file.nodes import Node
from harness.scenario_file.selectors import SELECTOR
from harness.scenario_file.structures import ByKey, Key, Many, Misfit, Record, Table
from harness.variant import ModelFormat

_MAX_DIMENSION = 2**31 - 1
_MAX_THREADS = 1024
_MAX_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class _InputShapes:
    """The shapes of one input: ``[1, 128]``, or a list of such lists."""

    def read(self, node: Node) -> tuple[tuple[int, ...], ...]:
        """The shapes in order."""
        one = Many(Integer(1, _MAX_DIMENSION), strict=True, least=0)
        several = isinstance(node.value, list) and any(
            isinstance(item.value, list) for item in node.value
        )
        return Many(one, strict=True).read(node) if several else (one.read(node),)

    def schema(self) -> Schema:
        """A list of dimensions, or a list of those."""
        one = Many(Integer(1, _MAX_DIMENSION), strict=True, least=0).schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _file_model(
    path: Path,
    shapes: dict[str, tuple[tuple[int, ...], ...]] | None = None,
    inputs: Path | None = None,
    original: Path | None = None,
) -> FileModel:
    return FileModel(path, _side_by_side(shapes or {}), inputs, original)


def _side_by_side(by_input: dict[str, tuple[tuple[int, ...], ...]]) -> tuple[Shapes, ...]:
    """The n-th shape of every input together; an input with one shape goes with all of them."""
    count = max((len(shapes) for shapes in by_input.values()), default=0)
    for shapes in by_input.values():
        if len(shapes) not in (1, count):
            raise Misfit(
                "shapes",
                f"one input has {len(shapes)} shapes, another {count}; give as many to each",
            )
    return tuple(
        {name: shapes[index % len(shapes)] for name, shapes in by_input.items()}
        for index in range(count)
    )


_MODEL_FILE = FilePath(suffixes=tuple(f".{fmt}" for fmt in ModelFormat))

MODEL: ByKey[ModelRef] = ByKey(
    {
        "family": Record(
            FamilyModels,
            {
                "family": Key(Text(), "a family of the catalogue", required=True),
                "variants": Key(Many(Text()), "its variants, such as fp32", required=True),
            },
        ),
        "path": Record(
            _file_model,
            {
                "path": Key(_MODEL_FILE, "a model file of your own", required=True),
                "shapes": Key(
                    Table(_InputShapes()), "shapes of dynamic inputs; each entry is its own cell"
                ),
                "inputs": Key(FilePath(folder=True), "a folder of <input name>.npy arrays"),
                "original": Key(
                    _MODEL_FILE, "the float file it was made from, which accuracy is lost against"
                ),
            },
        ),
    }
)


def option_kind(values: OptionValues) -> Kind[Any]:
    """A switch, or one of the names that an engine option takes."""
    if True in values:
        return Flag()
    return Choice(tuple(str(value) for value in values))


def _block(engine: tuple[str, ...], **values: Any) -> MatrixBlock:
    when: DeviceSelector | None = values.get("when")
    if when is not None and when.count is not None:
        raise Misfit("when", "per and count choose among devices; give them under devices")
    names = [name for name in (*OPTIONS, AFFINITY, POWER_MODE) if name in values]
    products = itertools.product(*(dict.fromkeys(values.pop(name)) for name in names))
    plain = {"delegate": "delegates", "threads": "threads", "batch": "batches", "when": "when"}
    given = {plain[name]: value for name, value in values.items()}
    options = tuple(dict(zip(names, product, strict=True)) for product in products)
    return MatrixBlock(engines=engine, options=options, **given)


BLOCK = Record(
    _block,
    {
        "engine": Key(Many(Choice(tuple(ENGINES))), "engines that run the models", required=True),
        "delegate": Key(Many(Choice(DELEGATES)), "where the engine runs them; cpu by default"),
        "threads": Key(Many(Integer(1, _MAX_THREADS)), "processor threads; 1 by default"),
        "batch": Key(Many(Integer(1, _MAX_BATCH)), "inputs per inference; 1 by default"),
        "when": Key(SELECTOR, "only on devices that match, such as platform=android"),
        AFFINITY: Key(Many(Cores()), "processor cores the runner is held to: 0, 0-3 or '0,2-3'"),
        POWER_MODE: Key(Many(Choice(ALL_POWER_MODES)), "power modes of a phone's delegate"),
        **{
            name: Key(Many(option_kind(values)), f"engine option {name}")
            for name, values in OPTIONS.items()
        },
    },
)

#: What an exclusion can be about: the names of ``validity.limits.cell_keys``.
CELL_KEYS = (
    "device",
    "model",
    "variant",
    "precision",
    "format",
    "engine",
    "delegate",
    "threads",
    "batch",
    "load",
    *(name for name in OPTIONS if name != "load"),  # the load kind has the name
    AFFINITY,
    POWER_MODE,
)


def _exclusions(why: str = "", **match: tuple[str, ...]) -> tuple[Exclusion, ...]:
    if not why:
        raise Misfit("why", "an exclusion needs its reason: add why: ...")
    if not match:
        raise Misfit("why", "excludes everything; add what it is about, such as engine: tflite")
    return tuple(
        Exclusion(dict(zip(match, values, strict=True)), why)
        for values in itertools.product(*match.values())
    )


EXCLUSION = Record(
    _exclusions,
    {
        **{key: Key(Many(Word()), f"only cells whose {key} matches (with *)") for key in CELL_KEYS},
        "why": Key(Text(), "the reason, shown with every skipped cell"),
    },
    extra={"required": ["why"], "minProperties": 2},
)
