"""A blameless trial, of which tests spoil one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness.record import BlockRecord, Cell, DeviceFacts
from harness.scenario import SingleStream
from harness.stats.samples import Samples
from harness.stats.summary import summarise
from harness.validity.checks import TrialEvidence
from harness.variant import ModelFormat, Variant

VARIANT = Variant("mobilenet_v2", "fp32", ModelFormat.TFLITE, "0" * 64, 14_000_000, "fp32")
CELL = Cell("local", VARIANT, "tflite", "cpu", threads=1, batch=1, load=SingleStream())
FACTS = DeviceFacts("local", {"cores": 2, "governor": "performance", "simulated": False})
PERIOD_NS = 10_000_000

Evidence = Callable[..., TrialEvidence]


def samples_of(latency_ns: np.ndarray) -> Samples:
    latency = np.asarray(latency_ns, dtype=np.int64)
    zeros = np.zeros(len(latency), dtype=np.int64)
    return Samples(
        start_ns=np.cumsum(latency) - latency,
        input_ns=zeros,
        invoke_ns=latency,
        output_ns=zeros,
        block=np.zeros(len(latency), dtype=np.int32),
        timed=np.ones(len(latency), dtype=np.bool_),
    )


def blocks_of(samples: Samples, cpu_share: float = 0.99) -> list[BlockRecord]:
    span = int(samples.latency_ns.sum())
    begin = int(samples.start_ns[0]) if len(samples) else 0
    return [
        BlockRecord(1, timed=False, count=30, started_at_ns=-span, ended_at_ns=0, cpu_ns=0),
        BlockRecord(2, True, len(samples), begin, begin + span, round(span * cpu_share)),
    ]


@pytest.fixture
def cell() -> Cell:
    """One thread on the CPU, single stream with its defaults."""
    return CELL


@pytest.fixture
def evidence() -> Evidence:
    """Evidence of a 70 s trial of 10 ms inferences; keywords replace fields or spoil the work."""

    def make(
        *, latency_ns: np.ndarray | None = None, cpu_share: float = 0.99, **changes: object
    ) -> TrialEvidence:
        if latency_ns is None:
            rng = np.random.default_rng(1)
            latency_ns = PERIOD_NS * np.exp(0.01 * rng.standard_normal(7_000))
        samples = samples_of(latency_ns)
        blocks = blocks_of(samples, cpu_share)
        base = TrialEvidence(CELL, summarise(samples, blocks), samples, blocks, FACTS)
        return replace(base, **changes)

    return make


@pytest.fixture
def trace() -> Callable[..., SimpleNamespace]:
    """A channel with one reading per second."""

    def make(*values: float, start_ns: int = 1) -> SimpleNamespace:
        at_ns = start_ns + np.arange(len(values), dtype=np.int64) * 1_000_000_000
        return SimpleNamespace(at_ns=at_ns, value=np.array(values, dtype=np.float64))

    return make
