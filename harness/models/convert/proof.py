"""What a freshly written float file computes, against the layers it was written from.

Each check raises :class:`ConvertError` with what was found, or returns the figures for the
manifest. Files that are made out of others are proven in :mod:`harness.models.proving`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.models.convert import ConvertError

#: Logits have unit variance, so this is four decimals of what classes are told apart by.
MAX_ABS_ERROR = 1e-4
#: Outputs must differ between images by at least this share of their own spread.
_MIN_VARIATION = 0.01


def agreement(outputs: Any, wanted: Any) -> dict[str, float]:
    """Figures of how near ``outputs`` are to ``wanted``; both are ``(images, outputs)``."""
    outputs, wanted = np.asarray(outputs, np.float64), np.asarray(wanted, np.float64)
    if outputs.shape != wanted.shape:
        raise ConvertError(f"the outputs have the shape {outputs.shape}, not {wanted.shape}")
    _check_alive(outputs)
    error = outputs - wanted
    noise = float((error**2).sum())
    norms = np.linalg.norm(outputs, axis=1) * np.linalg.norm(wanted, axis=1)
    figures = {
        "max_abs_error": float(np.abs(error).max()),
        "cosine_min": float(((outputs * wanted).sum(axis=1) / norms).min()),
        "output_deviation": float(wanted.std()),
    }
    if noise > 0:
        figures["sqnr_db"] = float(10 * np.log10((wanted**2).sum() / noise))
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def check_float(figures: dict[str, float]) -> None:
    """A float32 file computes what its layers say."""
    if figures["max_abs_error"] > MAX_ABS_ERROR:
        raise ConvertError(
            f"the outputs are off by {figures['max_abs_error']:.2g}, allowed is {MAX_ABS_ERROR:g}"
        )


def _check_alive(outputs: Any) -> None:
    if not np.isfinite(outputs).all():
        raise ConvertError("the outputs hold NaN or infinity")
    spread = float(outputs.std())
    variation = float(outputs.std(axis=0).mean())
    if spread == 0 or variation < _MIN_VARIATION * spread:
        raise ConvertError("the outputs hardly change with the input")
