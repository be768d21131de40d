from __future__ import annotations

from collections.abc import Sequence

import pytest

from harness.errors import CatalogueError
from harness.plan import VariantSource
from harness.record import DeviceFacts
from harness.scenario import AccuracyPass, FileModel, ModelRef
from harness.variant import ModelFormat, Variant


class Variants:
    """A source that knows every family but ``nobody``; ``tflite-only`` has no other format."""

    def __init__(self) -> None:
        self.asked: list[tuple[ModelRef, ModelFormat]] = []

    def variants(self, ref: ModelRef, fmt: ModelFormat) -> Sequence[Variant]:
        self.asked.append((ref, fmt))
        if isinstance(ref, FileModel):
            return [Variant(ref.path.stem, "file", fmt, f"sha-{ref.path}", 10)]
        if ref.family == "nobody":
            raise CatalogueError("unknown family 'nobody'")
        return [
            Variant(ref.family, name, fmt, f"sha-{ref.family}-{name}-{fmt}", 10, name[:4])
            for name in ref.variants
            if fmt == "tflite" or name != "tflite-only"
        ]

    def no_accuracy(self, ref: ModelRef, accuracy: AccuracyPass) -> str | None:
        return None if isinstance(ref, FileModel) or ref.family == "labelled" else "no labels"


@pytest.fixture
def variants() -> VariantSource:
    return Variants()


@pytest.fixture
def local() -> dict[str, DeviceFacts | None]:
    return {"local": DeviceFacts("local", {"platform": "linux", "cores": 4})}
