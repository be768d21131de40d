"""Proof, not labels: a built file is run and looked into before it gets its name.

Each check raises :class:`ConvertError` with what was found, or returns the figures for the
manifest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.models.convert import ConvertError
from harness.models.convert.inspection import Inspection

#: Logits have unit variance, so this is four decimals of what classes are told apart by.
MAX_ABS_ERROR = 1e-4
MIN_COSINE = 0.9
MIN_INTEGER_SHARE = 0.9
#: Four bytes become one, plus scales, biases and names; checked where these are a small part.
SIZE_RATIO = (0.25, 0.35)
_SIZE_RATIO_FROM_BYTES = 1_000_000
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


def check_int8(
    figures: dict[str, float], inspection: Inspection, target: Path, source: Path
) -> float:
    """A file called int8 is int8 and still computes the model; returns the ratio of sizes."""
    ratio = target.stat().st_size / source.stat().st_size
    if inspection.integer_share < MIN_INTEGER_SHARE:
        raise ConvertError(
            f"only {inspection.integer_share:.0%} of the weights became 8 bit; "
            "the quantizer left the rest as it was"
        )
    if inspection.float_operators:
        left = ", ".join(f"{count} {name}" for name, count in inspection.float_operators.items())
        raise ConvertError(f"operators still compute in float: {left}")
    low, high = SIZE_RATIO
    if source.stat().st_size >= _SIZE_RATIO_FROM_BYTES and not low <= ratio <= high:
        raise ConvertError(f"the file has {ratio:.2f} times its source's size, not {low}-{high}")
    if figures["cosine_min"] < MIN_COSINE:
        raise ConvertError(
            f"the outputs agree with the source's to a cosine of {figures['cosine_min']:.3f}; "
            f"at least {MIN_COSINE} is needed"
        )
    return round(ratio, 4)


def _check_alive(outputs: Any) -> None:
    if not np.isfinite(outputs).all():
        raise ConvertError("the outputs hold NaN or infinity")
    spread = float(outputs.std())
    variation = float(outputs.std(axis=0).mean())
    if spread == 0 or variation < _MIN_VARIATION * spread:
        raise ConvertError("the outputs hardly change with the input")
