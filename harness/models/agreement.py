"""How near a file's outputs are to those of its float32 original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import CatalogueError
from harness.models.inference import Outputs

#: Outputs must differ between samples by at least this share of how much the original's differ.
_MIN_VARIATION = 0.01


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures over all samples, the worst output first where there are several.

    ``sqnr_db`` is the signal-to-quantization-noise ratio ``10 log10(sum y^2 / sum (y - q)^2)``,
    None where both agree to the last bit; ``cosine_min`` is the least cosine of one sample.
    """

    samples: int
    max_abs_error: float
    cosine_min: float
    sqnr_db: float | None
    alive: bool  #: whether the outputs still depend on the input as the original's do

    def to_json(self) -> dict[str, Any]:
        """Figures with five digits."""
        return {
            "samples": self.samples,
            "max_abs_error": float(f"{self.max_abs_error:.5g}"),
            "cosine_min": float(f"{self.cosine_min:.5g}"),
            "sqnr_db": None if self.sqnr_db is None else float(f"{self.sqnr_db:.5g}"),
            "alive": self.alive,
        }


def agreement(outputs: Outputs, wanted: Outputs) -> Agreement:
    """Compare a file's outputs with the original's, output by output.

    Raises :class:`CatalogueError` where they cannot be compared: other shapes, NaN or infinity.
    """
    counts = {len(sample) for sample in (*outputs, *wanted)}
    if len(outputs) != len(wanted) or len(counts) != 1:
        raise CatalogueError("the file has another number of outputs than its original")
    parts = [
        _compare(_stacked(outputs, place), _stacked(wanted, place)) for place in range(counts.pop())
    ]
    ratios = [part.sqnr_db for part in parts if part.sqnr_db is not None]
    return Agreement(
        samples=len(outputs),
        max_abs_error=max(part.max_abs_error for part in parts),
        cosine_min=min(part.cosine_min for part in parts),
        sqnr_db=min(ratios, default=None),
        alive=all(part.alive for part in parts),
    )


def sqnr_db(signal: NDArray[np.float64], noisy: NDArray[np.float64]) -> float | None:
    """``10 log10`` of the signal's power over the noise's; None without noise."""
    noise = float(((signal - noisy) ** 2).sum())
    power = float((signal**2).sum())
    if noise == 0:
        return None
    return 10 * float(np.log10(max(power, np.finfo(np.float64).tiny) / noise))


def _stacked(outputs: Outputs, place: int) -> NDArray[np.float64]:
    rows = [sample[place].ravel() for sample in outputs]
    if len({row.size for row in rows}) != 1:
        raise CatalogueError(f"output {place + 1} changes its size from sample to sample")
    return np.stack(rows)


def _compare(outputs: NDArray[np.float64], wanted: NDArray[np.float64]) -> Agreement:
    if outputs.shape != wanted.shape:
        raise CatalogueError(
            f"an output has {outputs.shape[1]} values, the original's has {wanted.shape[1]}"
        )
    if not np.isfinite(outputs).all():
        raise CatalogueError("the outputs hold NaN or infinity")
    norms = np.linalg.norm(outputs, axis=1) * np.linalg.norm(wanted, axis=1)
    products = (outputs * wanted).sum(axis=1)
    equal = (outputs == wanted).all(axis=1)
    cosines = np.where(equal, 1.0, products / np.where(norms == 0, 1, norms))
    variation, wanted_variation = (float(array.std(axis=0).mean()) for array in (outputs, wanted))
    return Agreement(
        samples=len(outputs),
        max_abs_error=float(np.abs(outputs - wanted).max(initial=0)),
        cosine_min=float(cosines.min()),
        sqnr_db=sqnr_db(wanted, outputs),
        alive=variation >= _MIN_VARIATION * wanted_variation,
    )
