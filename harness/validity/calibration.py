"""How far the verdicts of one unit can be trusted: what A/A trials say about it.

Both arms are the same, so every difference found is a false alarm. From quads of such trials come
three figures of the unit: how often a comparison would have called equal arms different, how much
trials scatter, and the smallest change that a comparison finds in 80 of 100 cases. They hold for
the operating system build they were measured on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.findings import Finding, finding
from harness.record import DeviceFacts
from harness.stats.comparison import LEVEL, Quad
from harness.stats.interval import Estimate, t_quantile
from harness.units import format_percent

#: The level of the test: what noise that the test understands gives at most.
TRUSTED_RATE = 0.05
#: A/A comparisons drawn from the measured quads, and samples of quads for the error of the rate.
DRAWS, RESAMPLES = 4000, 20
_DRAWS_OF_A_SAMPLE = 1000
_NORMAL_95 = 1.6449  #: one-sided: one good unit in twenty is taken for a bad one
_NORMAL_975 = 1.96  #: two-sided 95 %
_NORMAL_80 = 0.8416  #: quantile of the standard normal distribution for a power of 80 %


@dataclass(frozen=True, slots=True)
class CellCalibration:
    """One cell's figures; fractions, not percent.

    ``false_alarms`` is the share of A/A comparisons of ``quads`` quads called different, and
    ``false_alarms_error`` how far it is off because few quads were measured (standard error).
    ``spread`` is the standard deviation of the logarithms of trials, ``neighbour_spread`` that of
    the difference of neighbours. ``detectable`` is the smallest slowdown found in 80 % of cases.
    """

    measured_quads: int
    quads: int
    false_alarms: float
    false_alarms_error: float
    spread: float
    neighbour_spread: float
    detectable: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What A/A trials said about one unit, on one build of its operating system."""

    device_id: str
    unit: str
    os_build: str
    at: str  #: UTC, ISO 8601
    run_id: str
    metric: str  #: by its stored name; several with commas, where loads differ in kind
    margin: float
    simulated: bool = False  #: no real device
    cells: dict[str, CellCalibration] = field(default_factory=dict)  #: by the cell for people

    @property
    def false_alarms(self) -> float:
        """The share over all cells."""
        return sum(one.false_alarms for one in self.cells.values()) / max(1, len(self.cells))

    @property
    def detectable(self) -> float:
        """The smallest change found in 80 % of cases, of the cell where it is largest."""
        return max((one.detectable for one in self.cells.values()), default=math.nan)

    @property
    def rate(self) -> Estimate:
        """The false-alarm rate with its 95 % interval, which few quads make wide.

        Quads that all say the same bound it as so many independent tries would (Clopper-Pearson).
        """
        quads = sum(one.measured_quads for one in self.cells.values())
        half = _NORMAL_975 * self._error or 1 - 0.025 ** (1 / max(1, quads))
        low, high = max(0.0, self.false_alarms - half), min(1.0, self.false_alarms + half)
        return Estimate(self.false_alarms, low, high, quads)

    def __str__(self) -> str:
        rate = self.rate
        interval = f"[{format_percent(rate.low or 0.0)}, {format_percent(rate.high or 0.0)}]"
        return (
            f"{format_percent(rate.value)} {interval} of A/A comparisons were called different "
            f"({rate.n} quads)"
        )

    @property
    def trusted(self) -> bool:
        """Whether the rate is not clearly above the test's level, for the quads there are.

        Simulated on plain noise with 20 quads, the rate of good units lies between 1 and 10 %, so
        that a fixed limit would condemn every second one. This rule condemns one in twenty.
        """
        return self.false_alarms - _NORMAL_95 * self._error <= TRUSTED_RATE

    @property
    def judgement(self) -> str:
        """What the rate means for the unit's verdicts, in words."""
        if not self.trusted:
            return "clearly more than 5 %, its verdicts are marked UNIT-UNTRUSTED"
        if self.false_alarms > TRUSTED_RATE:
            return "more than 5 %, but not clearly: more quads would tell whether to trust it"
        return "not more than 5 %, trusted"

    @property
    def _error(self) -> float:
        """Standard error of the rate over all cells."""
        errors = [one.false_alarms_error for one in self.cells.values()]
        return math.sqrt(sum(one**2 for one in errors)) / max(1, len(errors))


def calibrate_cell(measured: Sequence[Quad], quads: int, margin: float) -> CellCalibration:
    """The figures of a cell from its A/A quads, for comparisons of ``quads`` quads.

    Comparisons are drawn: ``quads`` of the measured ones at random, each with its arms swapped or
    not, which changes nothing where both arms are the same. Swapping a whole quad keeps what its
    two differences have in common, which the test does not know about. Raises ValueError for fewer
    than two quads a comparison, or fewer measured ones.
    """
    if quads < 2 or len(measured) < quads:
        raise ValueError(f"{len(measured)} quads measured, {max(2, quads)} needed")
    differences = np.array(
        [
            [math.log(ours / theirs) for ours, theirs in zip(q.candidate, q.reference, strict=True)]
            for q in measured
        ]
    )
    logs = np.log([value for quad in measured for value in (*quad.reference, *quad.candidate)])
    neighbours = float(np.sqrt(np.mean(differences**2)))  # around zero: the arms are the same
    error = neighbours / math.sqrt(2 * quads)
    smallest = max(math.log1p(margin), t_quantile(2 * quads - 1, LEVEL) * error)
    return CellCalibration(
        len(measured),
        quads,
        _false_alarms(differences, quads, margin, DRAWS),
        _error_of_rate(differences, quads, margin),
        float(logs.std(ddof=1)),
        neighbours,
        math.expm1(smallest + _NORMAL_80 * error),
    )


def _false_alarms(differences: NDArray[np.float64], quads: int, margin: float, draws: int) -> float:
    """The share of drawn A/A comparisons with a verdict slower or faster."""
    rng = np.random.default_rng(20261121)
    order = rng.random((draws, len(differences))).argsort(axis=1)[:, :quads]
    swapped = rng.choice((-1.0, 1.0), (draws, quads, 1))
    drawn = (differences[order] * swapped).reshape(draws, 2 * quads)
    centre = np.abs(drawn.mean(axis=1))
    half = t_quantile(2 * quads - 1, LEVEL) * drawn.std(axis=1, ddof=1) / math.sqrt(2 * quads)
    return float(np.mean((centre > half) & (centre > math.log1p(margin))))


def _error_of_rate(differences: NDArray[np.float64], quads: int, margin: float) -> float:
    """Standard error of the rate, by the bootstrap over measured quads."""
    rng = np.random.default_rng(20261122)
    count = len(differences)
    rates = [
        _false_alarms(differences[rng.integers(0, count, count)], quads, margin, _DRAWS_OF_A_SAMPLE)
        for _ in range(RESAMPLES)
    ]
    return float(np.std(rates, ddof=1))


def unit_of(facts: DeviceFacts) -> str:
    """What tells this unit from others of its kind: its serial number or host name."""
    return str(facts.values.get("serial") or facts.values.get("hostname") or facts.device_id)


def os_build_of(facts: DeviceFacts) -> str:
    """The build of its operating system, with the kernel and the patch level it tells."""
    names = ("os", "os_build", "kernel", "security_patch")
    return (
        " ".join(str(facts.values[name]) for name in names if facts.values.get(name)) or "unknown"
    )


def in_force(
    calibrations: Mapping[str, Calibration], facts: DeviceFacts, metric: str
) -> Calibration | None:
    """The unit's calibration, if it was made on the build that it runs now, and of this metric."""
    known = calibrations.get(unit_of(facts))
    if known is None or known.os_build != os_build_of(facts):
        return None
    return known if metric in known.metric.split(", ") else None


def doubts(calibrations: Mapping[str, Calibration], facts: DeviceFacts) -> Iterator[Finding]:
    """UNIT-UNTRUSTED and CALIBRATION-VOID on verdicts about a unit; ``calibrations`` by unit."""
    known = calibrations.get(unit_of(facts))
    if known is None:
        return
    if known.os_build != os_build_of(facts):
        yield finding(
            "CALIBRATION-VOID", f"calibrated on {known.os_build}, now {os_build_of(facts)}"
        )
    elif not known.trusted:
        yield finding("UNIT-UNTRUSTED", str(known))
