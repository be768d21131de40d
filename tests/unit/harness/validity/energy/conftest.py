"""The simulated phone of the benchmark, and plain series."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from harness.validity.energy.series import Span, Windows


@pytest.fixture(scope="session")
def simulation() -> ModuleType:
    """``tests/benchmarks/energy.py``: the same simulator in tests and figures."""
    path = Path(__file__).parents[4] / "benchmarks" / "energy.py"
    spec = importlib.util.spec_from_file_location("benchmark_energy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def trace() -> Callable[..., SimpleNamespace]:
    """A channel read at given seconds."""

    def make(at_s, value) -> SimpleNamespace:
        at_ns = np.round(np.asarray(at_s, dtype=np.float64) * 1e9).astype(np.int64)
        return SimpleNamespace(at_ns=at_ns, value=np.asarray(value, dtype=np.float64))

    return make


@pytest.fixture
def windows() -> Windows:
    """100 s each of idle, run and idle."""
    edges = [round(second * 1e9) for second in (0, 100, 200, 300)]
    return Windows(*(Span(a, b) for a, b in itertools.pairwise(edges)))


@pytest.fixture
def seconds() -> np.ndarray:
    """One reading a second over all windows."""
    return np.arange(301.0)


@pytest.fixture
def load_w(seconds: np.ndarray) -> np.ndarray:
    """1 W at idle, 3 W while running, with a little noise."""
    noise = np.random.default_rng(5).normal(0, 0.01, len(seconds))
    return np.where((seconds >= 100) & (seconds < 200), 3.0, 1.0) + noise
