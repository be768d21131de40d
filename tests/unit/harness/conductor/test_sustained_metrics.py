"""A sustained trial's own numbers reach its metrics, and only a sustained one's."""

from __future__ import annotations

import numpy as np
import pytest

from harness.conductor.metrics import trial_metrics
from harness.record import LoadTimes
from harness.scenario import SingleStream, Sustained
from harness.stats.samples import Samples

S = 1_000_000_000


@pytest.fixture
def slowing() -> Samples:
    """Ten minutes at 100 ms, then ten at 125 ms."""
    invoke = np.repeat([S // 10, S // 8], [6000, 4800])
    zeros = np.zeros(len(invoke), dtype=np.int64)
    return Samples(
        start_ns=5 * S + np.cumsum(invoke) - invoke,
        input_ns=zeros,
        invoke_ns=invoke,
        output_ns=zeros,
        block=zeros.astype(np.int32),
        timed=np.ones(len(invoke), dtype=np.bool_),
    )


def test_a_sustained_trial_tells_what_became_of_its_speed(make_cell, slowing):
    cell = make_cell(Sustained(1200))
    metrics = trial_metrics(cell, LoadTimes(), slowing, [], {}, None)
    assert metrics["peak_p50_ns"] == S / 10
    assert metrics["late_p50_ns"] == S / 8
    assert metrics["stability_percent"] == pytest.approx(80)
    assert metrics["throttle_events"] == 1
    assert metrics["throttle_onset_ns"] == pytest.approx(600 * S, abs=15 * S)


def test_other_loads_claim_nothing_about_minutes(make_cell, slowing):
    metrics = trial_metrics(make_cell(SingleStream()), LoadTimes(), slowing, [], {}, None)
    assert not {"peak_p50_ns", "late_p50_ns", "throttle_events"} & metrics.keys()
