"""Energy from meters and counters, cells, and everything that can be wrong with readings."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.validity.energy.inference import (
    CellEnergy,
    SourceKind,
    TrialEnergy,
    cell_energy,
    counter_energy,
    gauge_energy,
    meter_energy,
)
from harness.validity.energy.refusal import Refusal
from harness.validity.energy.series import Span, Windows

N = 1000  # inferences


def ids(found):
    return [item.id for item in found.findings]


# --- sources that are outside the battery -------------------------------------------------------


def test_a_meter(trace, windows, seconds, load_w):
    found = meter_energy(trace(seconds, load_w), windows, N)
    assert found.source is SourceKind.METER
    assert found.gross_j == pytest.approx(3.0 * 100 / N, rel=0.01)
    assert found.net_j == pytest.approx(2.0 * 100 / N, rel=0.01)
    assert found.idle_w == pytest.approx(1.0, rel=0.01)
    assert found.edge_error_j == pytest.approx(3.0 * 1.0 / math.sqrt(12) / N, rel=0.01)
    assert found.idle_error_j < 0.01 * found.net_j
    assert (found.gain, found.findings, found.how) == (0.02, (), "")


@pytest.mark.parametrize("level", [1.0, -1.0])
def test_a_meter_that_does_not_follow_the_load_is_refused(trace, windows, seconds, load_w, level):
    other = 4.0 - load_w if level < 0 else np.full_like(load_w, 1.0) + (load_w - load_w.round())
    assert meter_energy(trace(seconds, other), windows, N).code == "UNPROVEN"


def joules(seconds, load_w):
    return np.append(0.0, np.cumsum(load_w[:-1] * np.diff(seconds))) * 1e6


@pytest.mark.parametrize("kind", [SourceKind.RAPL, SourceKind.RAILS])
def test_a_counter_needs_no_discharge(trace, windows, seconds, load_w, kind):
    found = counter_energy(trace(seconds, joules(seconds, load_w)), windows, N, kind)
    assert found.source is kind
    assert found.gross_j == pytest.approx(3.0 * 100 / N, rel=0.005)
    assert found.net_j == pytest.approx(2.0 * 100 / N, rel=0.005)
    assert found.gain is None


def test_a_counter_that_turns_over(trace, windows, seconds, load_w):
    counted = joules(seconds, load_w)
    smooth = counter_energy(trace(seconds, counted), windows, N, SourceKind.RAPL)
    turned = np.mod(counted + 40e6, 64e6)
    found = counter_energy(trace(seconds, turned), windows, N, SourceKind.RAPL, wraps_at=64e6)
    assert found.gross_j == pytest.approx(smooth.gross_j, rel=1e-9)
    assert found.findings == ()
    assert counter_energy(trace(seconds, turned), windows, N, SourceKind.RAPL).code == "RESET"


def test_a_counter_that_may_have_turned_twice_is_doubted(trace, windows, seconds, load_w):
    turned = np.mod(joules(seconds, load_w), 4e6)  # 3 J per reading of a range of 4 J
    found = counter_energy(trace(seconds, turned), windows, N, SourceKind.RAPL, wraps_at=4e6)
    assert ids(found) == ["POWER-INTEGRITY"]


def test_a_counter_that_was_reset_before_the_trial_is_good(trace, windows, seconds, load_w):
    at_s = np.append([-20.0, -10.0], seconds)
    counted = np.append([9e9, 9.1e9], joules(seconds, load_w))
    found = counter_energy(trace(at_s, counted), windows, N, SourceKind.RAILS)
    assert found.gross_j == pytest.approx(3.0 * 100 / N, rel=0.005)


def test_counters_that_stand_still_or_end_early(trace, windows, seconds, load_w):
    still = trace(seconds, np.full_like(seconds, 7.0))
    assert counter_energy(still, windows, N, SourceKind.RAPL).code == "STUCK"
    early = trace(seconds[:150], joules(seconds, load_w)[:150])
    assert counter_energy(early, windows, N, SourceKind.RAPL).code == "GAPS"
    sparse = trace(seconds[::60], joules(seconds, load_w)[::60])
    assert counter_energy(sparse, windows, N, SourceKind.RAPL).code == "TOO-FEW"


# --- bad readings -------------------------------------------------------------------------------

VOLTS = 3.8


@pytest.fixture
def gauge(trace, windows, seconds, load_w):
    """Energy from a gauge in microamperes, of which a test spoils the readings."""

    def measure(spoil=lambda at_s, amperes: (at_s, amperes), *, voltage=VOLTS, **options):
        at_s, microamperes = spoil(seconds.copy(), -load_w / VOLTS * 1e6)
        volts = trace(seconds, np.full_like(seconds, voltage) * 1e6)
        return gauge_energy(trace(at_s, microamperes), volts, windows, N, **options)

    return measure


def test_a_good_gauge(gauge):
    found = gauge()
    assert found.net_j == pytest.approx(2.0 * 100 / N, rel=0.02)
    assert (found.gain, ids(found)) == (0.05, [])


def at(*places, value):
    def spoil(at_s, amperes):
        amperes[list(places)] = value
        return at_s, amperes

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (at(20, 120, value=np.nan), "2 readings were no numbers"),
        (at(120, value=np.inf), "1 readings were no numbers"),
        (at(120, 130, value=-2147483648.0), "2 readings were out of all proportion"),
        (at(120, value=-22.0), "1 readings were out of all proportion"),  # EINVAL as a value
        (at(120, value=0.0), "1 readings were out of all proportion"),
        (at(120, value=+500_000.0), "1 readings were out of all proportion"),
        (lambda t, a: (np.where(t == 130, 128.0, t), a), "not later than the one before"),
        (at(*range(120, 190), value=-780_000.0), "showed one value for 1 min 09 s"),
    ],
    ids=["nan", "inf", "jump", "errno", "zero", "sign", "clock back", "stuck for a while"],
)
def test_what_is_left_out_is_told(gauge, spoil, words):
    found = gauge(spoil)
    assert found.net_j == pytest.approx(2.0 * 100 / N, rel=0.03)
    (told,) = found.findings
    assert told.id == "POWER-INTEGRITY"
    assert words in told.seen


def keep(places):
    return lambda at_s, amperes: (at_s[places], amperes[places])


def flat(begin, end):
    def spoil(at_s, amperes):
        amperes[begin:end] = amperes[begin]
        return at_s, amperes

    return spoil


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (keep([]), "TOO-FEW"),
        (keep([150]), "TOO-FEW"),
        (keep([50, 150]), "TOO-FEW"),
        (keep([10, 20, 110, 120, 210, 220]), "TOO-FEW"),
        (keep(slice(0, 160)), "TOO-FEW"),
        (keep(slice(0, 203)), "GAPS"),
        (keep([*range(130), *range(190, 301)]), "GAPS"),
        (lambda t, a: (np.where(t > 120, t - 300, t), a), "TOO-FEW"),
        (flat(0, 301), "STUCK"),
        (flat(140, 301), "STUCK"),
        (flat(50, 160), "STUCK"),
        (at(*range(100, 115), value=-2147483648.0), "IMPLAUSIBLE"),
        (lambda t, a: (t, np.where(t > 170, +400_000 + a / 10, a)), "IMPLAUSIBLE"),
        (lambda t, a: (t, np.full_like(a, np.nan)), "TOO-FEW"),
        (lambda t, a: (t, a * 1e9), "IMPLAUSIBLE"),
        (lambda t, a: (t, a * 1e-12), "IMPLAUSIBLE"),
    ],
    ids=[
        *("none", "one", "two", "two in each", "vanished in the run", "vanished at its end", "gap"),
        *("clock back", "always the same", "stuck to the end", "stuck into the run", "many jumps"),
        *("charger plugged in", "all nan", "no unit is that small", "no unit is that large"),
    ],
)
def test_what_cannot_carry_a_number_is_refused(gauge, spoil, code):
    found = gauge(spoil)
    assert isinstance(found, Refusal)
    assert found.code == code
    assert found.reason
    assert "\n" not in found.reason


def test_a_gauge_that_reports_once_a_minute(gauge, seconds, load_w):
    every_minute = np.repeat(-load_w[::60] / VOLTS * 1e6, 60)[: len(seconds)]
    found = gauge(lambda at_s, amperes: (at_s, every_minute))
    assert isinstance(found, Refusal)
    longer = seconds * 20  # the same shape over 100 minutes
    windows = Windows(*(Span(a * 10**9, (a + 2000) * 10**9) for a in (0, 2000, 4000)))
    level = np.where((longer >= 2000) & (longer < 4000), 3.0, 1.0) + (load_w - load_w.round())
    polled = np.arange(0.0, 6000.0)
    shown = level[(polled // 60 * 3).astype(int)]  # updates at each full minute
    current = SimpleNamespace(at_ns=(polled * 1e9).astype(np.int64), value=shown / VOLTS * 1e3)
    voltage = SimpleNamespace(at_ns=np.array([0]), value=np.array([3800.0]))
    found = gauge_energy(current, voltage, windows, N)
    assert found.period_s == pytest.approx(60)
    assert found.net_j == pytest.approx(2.0 * 2000 / N, rel=0.03)


@pytest.mark.parametrize("late_s", [0.0, 0.001])
def test_a_gauge_too_slow_for_the_run_says_how_long_it_needs(gauge, late_s):
    """What is asked for is never the length that was too short, as it would be if rounded down."""

    def slow(at_s, amperes):
        return at_s * (1 + late_s), amperes[(at_s // 20 * 20).astype(int)]

    found = gauge(slow)
    assert found.code == "TOO-SHORT"
    needed = "2 min 01 s" if late_s else "2 min 00 s"
    assert f"updates every 20 s; measure {needed} or longer" in found.reason


@pytest.mark.parametrize(
    ("voltage", "code"), [(0.0, "IMPLAUSIBLE"), (220.0, "IMPLAUSIBLE"), (math.nan, "IMPLAUSIBLE")]
)
def test_a_voltage_that_is_no_battery(gauge, voltage, code):
    assert gauge(voltage=voltage).code == code


def test_a_battery_that_gives_next_to_nothing_is_helped_by_somebody(gauge):
    def fed(at_s, amperes):
        """USB carries idle, the battery only what exceeds it."""
        return at_s, amperes + 0.995e6 / VOLTS

    found = gauge(fed, reported="discharging")
    assert isinstance(found, Refusal)
    assert found.code in ("CHARGING", "IMPLAUSIBLE")


def test_nothing_was_timed(trace, windows, seconds, load_w):
    power = trace(seconds, load_w)
    assert meter_energy(power, windows, 0).code == "TOO-FEW"
    nowhere = replace(windows, run=Span(200, 100))
    assert meter_energy(power, nowhere, N).code == "TOO-FEW"


def test_a_short_run_and_a_small_net_are_told(trace, seconds, load_w):
    edges = [0, 100 * 10**9, 130 * 10**9, 300 * 10**9]
    short = Windows(*(Span(a, b) for a, b in itertools.pairwise(edges)))
    level = np.where((seconds >= 100) & (seconds < 130), 3.0, 1.0) + (load_w - load_w.round())
    found = meter_energy(trace(seconds, level), short, N)
    assert ids(found) == ["ENERGY-UNCERTAIN"]
    assert "30 s of work, 1 min 00 s are needed" in found.findings[0].seen
    wandering = level + np.where(seconds > 200, 0.2, 0.0)
    found = meter_energy(trace(seconds, wandering), short, N)
    assert "of the net power" in found.findings[0].seen


_NUMBERS = st.floats(width=64) | st.sampled_from([0.0, -22.0, 1e6, -1e6, 4e6])
_TIMES = st.integers(-(10**12), 10**12) | st.integers(0, 300).map(lambda s: s * 10**9)
_TRACES = st.lists(st.tuples(_TIMES, _NUMBERS), max_size=40).map(
    lambda pairs: SimpleNamespace(
        at_ns=np.array([pair[0] for pair in pairs], dtype=np.int64),
        value=np.array([pair[1] for pair in pairs], dtype=np.float64),
    )
)
_SPANS = st.tuples(_TIMES, _TIMES).map(lambda edges: Span(*edges))


@settings(max_examples=300, deadline=None)
@given(_TRACES, _TRACES, st.builds(Windows, _SPANS, _SPANS, _SPANS), st.integers(-1, 5))
def test_nothing_raises(first, second, windows, inferences):
    for found in (
        gauge_energy(first, second, windows, inferences),
        meter_energy(first, windows, inferences),
        counter_energy(first, windows, inferences, SourceKind.RAPL, wraps_at=2.0**32),
    ):
        if isinstance(found, TrialEnergy):
            assert math.isfinite(found.gross_j)
        else:
            assert found.reason


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=60), st.lists(_NUMBERS, min_size=60, max_size=60))
def test_a_gauge_with_any_damage_gives_a_number_or_a_refusal(places, values):
    at_ns = np.arange(301, dtype=np.int64) * 10**9
    noise = np.random.default_rng(0).normal(0, 1e3, 301)
    value = np.where((at_ns >= 100e9) & (at_ns < 200e9), -8e5, -3e5) + noise
    value[places] = values[: len(places)]
    windows = Windows(*(Span(a * 10**9, (a + 100) * 10**9) for a in (0, 100, 200)))
    volts = SimpleNamespace(at_ns=at_ns, value=np.full(301, 3.8))
    found = gauge_energy(SimpleNamespace(at_ns=at_ns, value=value), volts, windows, N)
    if isinstance(found, TrialEnergy):
        assert found.gross_j == pytest.approx(0.8 * 3.8 * 100 / N, rel=0.2)


# --- cells --------------------------------------------------------------------------------------


def trial(net_j, gross_j=3.0, idle=0.0, edge=0.0):
    return TrialEnergy(
        source=SourceKind.BATTERY,
        inferences=N,
        seconds=100.0,
        period_s=1.0,
        idle_w=1.0,
        run_w=3.0,
        gross_j=gross_j,
        net_j=net_j,
        run_error_j=0.0,
        idle_error_j=idle,
        edge_error_j=edge,
        gain=0.05,
    )


def test_a_cell_is_the_mean_of_its_trials_with_a_t_interval():
    found = cell_energy([trial(1.9), trial(2.0), trial(2.1)])
    assert isinstance(found, CellEnergy)
    assert found.net_j == pytest.approx(2.0)
    assert found.net_error_j == pytest.approx(4.3027 * 0.1 / math.sqrt(3), rel=1e-4)
    assert (found.n, found.gross_j, found.gross_error_j, found.gain) == (3, 3.0, 0.0, 0.05)


def test_idle_and_edges_widen_a_cell():
    found = cell_energy([trial(2.0, idle=0.03, edge=0.04)] * 3)
    assert found.net_error_j == pytest.approx(1.96 * 0.05)
    assert found.gross_error_j == pytest.approx(1.96 * 0.04)  # gross knows nothing of idle


def test_a_cell_of_few_trials_has_no_interval():
    found = cell_energy([trial(2.0), trial(2.2)])
    assert (found.net_j, found.net_error_j) == (pytest.approx(2.1), None)
    assert cell_energy([]).code == "TOO-FEW"


def test_a_cell_does_not_average_over_those_that_showed_something():
    found = cell_energy([trial(2.0), trial(2.2), trial(None)])
    assert (found.net_j, found.net_error_j) == (None, None)
    assert found.gross_j == 3.0
