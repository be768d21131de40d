"""Samples and noise made up for tests of the statistics."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from harness.stats.samples import Int64Array, Samples

MakeSamples = Callable[..., Samples]
Noise = Callable[..., Int64Array]


def _samples(
    invoke_ns: Sequence[int] | Int64Array,
    *,
    warmup: int = 0,
    copy_ns: int = 0,
    intended_ns: Int64Array | None = None,
) -> Samples:
    invoke = np.asarray(invoke_ns, dtype=np.int64)
    copies = np.full(len(invoke), copy_ns, dtype=np.int64)
    service = invoke + 2 * copies
    return Samples(
        start_ns=1_000_000 + np.cumsum(service) - service,
        input_ns=copies,
        invoke_ns=invoke,
        output_ns=copies.copy(),
        block=np.zeros(len(invoke), dtype=np.int32),
        timed=np.arange(len(invoke)) >= warmup,
        intended_ns=intended_ns,
    )


@pytest.fixture
def make_samples() -> MakeSamples:
    """Back-to-back inferences with the given invoke times; the first ``warmup`` are warm-up."""
    return _samples


@pytest.fixture
def noise() -> Noise:
    """The noise model of docs/method.md around 5 ms: lognormal, AR(1), 1 % outliers."""

    def make(
        rng: np.random.Generator, n: int, *, correlation: float = 0.6, spread: float = 0.05
    ) -> Int64Array:
        white = rng.standard_normal(n + 300) * np.sqrt(1 - correlation**2)
        walk: NDArray[np.float64] = lfilter([1.0], [1.0, -correlation], white)[300:]
        latency = 5e6 * np.exp(spread * walk)
        outlier = rng.random(n) < 0.01
        latency[outlier] *= rng.uniform(1.5, 3.0, int(outlier.sum()))
        return latency.astype(np.int64)

    return make


@pytest.fixture(scope="session")
def series() -> SimpleNamespace:
    """The made-up series with known truth that the figures are made with."""
    place = Path(__file__).resolve().parents[3] / "benchmarks" / "_series.py"
    return SimpleNamespace(**runpy.run_path(str(place)))
