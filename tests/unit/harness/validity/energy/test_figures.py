"""The figures of tests/benchmarks/energy.py, with fewer trials."""

from __future__ import annotations

import numpy as np
import pytest

from harness.validity.energy.inference import TrialEnergy
from harness.validity.energy.refusal import Refusal


@pytest.mark.parametrize("period_s", [1.0, 5.0])
def test_net_energy_is_within_3_percent_rms_at_120_s(simulation, period_s):
    phone = simulation.Phone(net_w=2.5, period_s=period_s)
    relative, stated, without = simulation.errors(phone, run_s=120.0, runs=40)
    assert without == 0
    assert np.sqrt(np.mean(relative**2)) <= 0.03
    assert abs(relative.mean()) <= 0.01
    assert np.mean(np.abs(relative) < 1.96 * stated) >= 0.9


def test_every_unit_and_sign_is_found(simulation):
    rng = np.random.default_rng(4)
    for phone in simulation.quirks():
        trial = simulation.simulate(phone, rng, run_s=120.0)
        found = simulation.measured(trial)
        assert isinstance(found, TrialEnergy), (phone, found)
        assert found.net_j == pytest.approx(trial.net_j, rel=0.1)
        assert found.gross_j == pytest.approx(trial.gross_j, rel=0.05)
        assert 0.75 <= found.period_s / phone.period_s <= 2.1  # rounding hides some updates
        assert f"discharge is {'+' if phone.sign > 0 else '-'}" in found.how
        assert f"1 unit is {phone.unit:g} A" in found.how


def test_a_gauge_is_refused_on_any_charger_whatever_the_status(simulation):
    refused, total = simulation.refused_while_charging(runs=1)
    assert total == 144
    assert refused == total


def test_a_light_load_is_measured_with_a_sign_that_is_known(simulation):
    phone = simulation.Phone(net_w=0.02, sign=-1)
    trial = simulation.simulate(phone, np.random.default_rng(1), run_s=120.0)
    unproven = simulation.measured(trial, reported="discharging")
    assert isinstance(unproven, Refusal)
    assert unproven.code == "UNPROVEN"
    found = simulation.measured(trial, known_sign=-1)
    assert isinstance(found, TrialEnergy)
    assert found.net_j is None
    assert found.gross_j == pytest.approx(trial.gross_j, rel=0.05)
    assert "earlier calibration" in found.how
    assert simulation.measured(trial, known_sign=1).code == "CHARGING"
