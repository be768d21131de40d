"""How often verdicts are right on made-up trials with known truth.

``python -m tests.benchmarks.verdicts [verdicts|quads|nights|sequential]``. Beside our figures stand
those of the simulations that the method was chosen by (docs/method.md), where there is one. The
noise: lognormal with a spread of 5 % and an autocorrelation of 0.6 within a trial, 1 % outliers,
and a spread between trials of ``s_b``.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from harness.stats.bootstrap import bootstrap_ratio
from harness.stats.comparison import (
    Comparison,
    Quad,
    Verdict,
    compare,
    compare_quads,
    judge,
    points_to_worse,
    survives_session_effect,
)
from harness.stats.interval import geometric_mean_interval, relative_half_width
from harness.stats.ratio import paired, welch
from tests.benchmarks._series import FloatArray, noise

REPEATS = 1200
SAMPLES = 200
MARGIN = 0.02
SHIFTS = (1.0, 1.03, 1.05)
DIFFERENT = (Verdict.WORSE, Verdict.BETTER)
#: (s_b in %, n): false alarms in %, power at 3 %, at 5 % of Welch with a margin of 2 %.
NOTED = {
    (1, 5): (1.2, 0.87, 1.00),
    (1, 10): (0.0, 0.97, 1.00),
    (1, 20): (0.0, 1.00, 1.00),
    (2, 5): (5.2, 0.42, 0.87),
    (2, 10): (3.2, 0.82, 1.00),
    (2, 20): (0.2, 0.93, 1.00),
    (3, 5): (4.3, 0.24, 0.56),
    (3, 10): (5.8, 0.51, 0.92),
    (3, 20): (3.5, 0.82, 1.00),
}
#: The same for the two-level bootstrap with the margin.
NOTED_BOOTSTRAP = {
    (1, 5): (1.2, 0.91, 1.00),
    (1, 10): (0.0, 0.97, 1.00),
    (1, 20): (0.0, 1.00, 1.00),
    (2, 5): (9.3, 0.58, 0.95),
    (2, 10): (3.5, 0.84, 1.00),
    (2, 20): (0.2, 0.93, 1.00),
    (3, 5): (9.3, 0.42, 0.78),
    (3, 10): (7.7, 0.59, 0.94),
    (3, 20): (3.5, 0.82, 1.00),
}
#: Plain Welch without a margin at s_b = 1 %: false alarms in %.
NOTED_PLAIN = {5: 4.2, 10: 5.5}


def main() -> None:
    """Print the chosen figures; all without arguments."""
    parts: dict[str, Callable[[], None]] = {
        "verdicts": verdicts,
        "quads": quads,
        "nights": nights,
        "sequential": sequential,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="PART")
    for name in parser.parse_args().parts:
        started = time.process_time()
        print(f"\n--- {name}")
        parts[name]()
        print(f"({time.process_time() - started:.0f} s of CPU)")


# --- verdicts -----------------------------------------------------------------------------------


def side(rng: np.random.Generator, n: int, s_b: float) -> FloatArray:
    """Latencies of ``n`` trials, one a row."""
    return np.exp(rng.normal(0.0, s_b, (n, 1))) * noise(rng, (n, SAMPLES)) * 5e6


def verdicts() -> None:
    """False alarms and power by number of trials and spread between them."""
    at_5, at_50 = (100 * math.sqrt(p * (1 - p) / REPEATS) for p in (0.05, 0.5))
    print(f"{REPEATS} repetitions; standard error {at_5:.1f} pp at 5 %, {at_50:.1f} pp at 50 %")
    print("(noted: 600 repetitions, 0.9 pp and 2.0 pp)")
    print("                false alarms %    power 3 %     power 5 %")
    print(" s_b   n        ours   noted    ours  noted   ours  noted")
    rng = np.random.default_rng(1)
    for (s_b, n), expected in NOTED.items():
        ours, bootstrap, plain, covered = _rates(rng, n, s_b / 100)
        _print_rates(f"{s_b:3d} % {n:3d} Welch", ours, expected)
        _print_rates("          boots", bootstrap, NOTED_BOOTSTRAP[s_b, n])
        noted = f" (noted {NOTED_PLAIN[n]})" if s_b == 1 and n in NOTED_PLAIN else ""
        print(
            f"          without margin: {plain:.1f} % false alarms{noted}; "
            f"95 % intervals hold the truth in {covered:.1f} %"
        )


def _rates(
    rng: np.random.Generator, n: int, s_b: float
) -> tuple[list[float], list[float], float, float]:
    different = np.zeros((2, len(SHIFTS)))
    plain = covered = 0
    for _ in range(REPEATS):
        reference, candidate = side(rng, n, s_b), side(rng, n, s_b)
        medians = np.median(reference, axis=1), np.median(candidate, axis=1)
        checked = bootstrap_ratio(
            list(candidate.astype(np.int64)), list(reference.astype(np.int64)), resamples=500
        )
        assert checked is not None
        # A slower build multiplies every latency, and so the ratio and its interval.
        for place, shift in enumerate(SHIFTS):
            found = compare(medians[0], medians[1] * shift, margin=MARGIN, better="lower")
            different[0, place] += found.verdict in DIFFERENT
            low, value, high = (
                shift * bound for bound in (checked.low or 0, checked.value, checked.high or 0)
            )
            different[1, place] += not low <= 1 <= high and abs(math.log(value)) > math.log(1.02)
        difference = welch(medians[1], medians[0])
        plain += difference.p_value < 0.05
        interval = difference.interval()
        covered += (interval.low or 0) <= 1 <= (interval.high or 0)
    rates = different / REPEATS
    rates[:, 0] *= 100
    return list(rates[0]), list(rates[1]), 100 * plain / REPEATS, 100 * covered / REPEATS


def _print_rates(name: str, ours: Sequence[float], noted: Sequence[float]) -> None:
    print(
        f"{name}   {ours[0]:5.1f}  {noted[0]:5.1f}    {ours[1]:5.2f} {noted[1]:5.2f}"
        f"   {ours[2]:5.2f} {noted[2]:5.2f}"
    )


# --- order in a session -------------------------------------------------------------------------


def quads(repeats: int = 2000, n: int = 6) -> None:
    """False alarms and power of A B B A and of A A A B B B while the device warms up."""
    rng = np.random.default_rng(2)
    print(f"{n} trials a side, 1 % between trials; false 'slower' in %, power at 3 % and 5 %")
    noted = {0.0: "0.0", 0.02: "<= 0.3", 0.04: "<= 0.3"}
    for drift, expected in noted.items():
        rows = {"ABBA": _in_quads, "ABBA by quad means": _by_quad_means, "AAABBB": _blocked}
        for name, judged in rows.items():
            slower = [
                np.mean(
                    [
                        judged(_session(rng, n, drift), shift).verdict is Verdict.WORSE
                        for _ in range(repeats)
                    ]
                )
                for shift in SHIFTS
            ]
            remark = f"(noted {expected}; power .90-.92 and 1.00)" if name == "ABBA" else ""
            print(
                f"drift {drift:.0%} {name:20s} {100 * slower[0]:5.2f}  "
                f"{slower[1]:.2f}  {slower[2]:.2f}  {remark}"
            )
    _first_places(rng, repeats)
    _sessions(rng)


def _first_places(rng: np.random.Generator, repeats: int) -> None:
    """Every quad starts on a rested device, which slows down by ``heat`` while it is measured.

    The first place is then the fastest, and in A B B A it always belongs to A.
    """
    by_place = 1 - np.exp(-np.arange(4.0))
    for heat in (0.0, 0.02, 0.05):
        for count in (3, 5, 10):
            told = []
            for turns in (False, True):
                slower = 0
                for _ in range(repeats):
                    trials = np.exp(rng.normal(0, 0.01, (count, 4))) * (1 + heat * by_place)
                    quads = _in_turn(trials) if turns else _quads(trials.ravel(), 1.0)
                    found = compare_quads(quads, margin=MARGIN, better="lower")
                    slower += found.verdict is Verdict.WORSE
                told.append(f"{100 * slower / repeats:5.2f}")
            print(
                f"rested before each of {count:2d} quads, slower by {heat:.0%} then: false "
                f"'slower' {told[0]} % with A B B A, {told[1]} % with A B B A and B A A B in turn"
            )


def _in_turn(trials: FloatArray) -> list[Quad]:
    """Quads A B B A and B A A B in turn, as the plan orders them; one quad a row."""
    return [
        Quad((float(a), float(d)), (float(b), float(c)))
        if number % 2 == 0
        else Quad((float(b), float(c)), (float(a), float(d)))
        for number, (a, b, c, d) in enumerate(trials)
    ]


def _session(rng: np.random.Generator, n: int, drift: float) -> FloatArray:
    """Values of ``2 n`` trials in order of time; the device becomes slower by ``drift``."""
    return np.exp(rng.normal(0, 0.01, 2 * n)) * (1 + drift * np.linspace(0, 1, 2 * n))


def _quads(trials: FloatArray, shift: float) -> list[Quad]:
    a1, b1, b2, a2 = (trials.reshape(-1, 4) * [1.0, shift, shift, 1.0]).T
    return [
        Quad((float(a1[i]), float(a2[i])), (float(b1[i]), float(b2[i]))) for i in range(len(a1))
    ]


def _in_quads(trials: FloatArray, shift: float) -> Comparison:
    return compare_quads(_quads(trials, shift), margin=MARGIN, better="lower")


def _by_quad_means(trials: FloatArray, shift: float) -> Comparison:
    """The alternative: one difference a quad, with half the degrees of freedom."""
    found = [
        np.mean(np.log(quad.candidate)) - np.mean(np.log(quad.reference))
        for quad in _quads(trials, shift)
    ]
    return judge(paired([float(one) for one in found]), margin=MARGIN, better="lower")


def _blocked(trials: FloatArray, shift: float) -> Comparison:
    half = len(trials) // 2
    return compare(list(trials[:half]), list(trials[half:] * shift), margin=MARGIN, better="lower")


def _sessions(rng: np.random.Generator, repeats: int = 2000) -> None:
    """Sides from two sessions, each with its own effect of 1 %."""
    for n in (5, 10, 20):
        found = []
        for _ in range(repeats):
            sides = np.exp(rng.normal(0, 0.01, (2, n)) + rng.normal(0, 0.01, (2, 1)))
            found.append(compare(sides[0], sides[1], margin=MARGIN, better="lower"))
        different = np.mean([one.verdict in DIFFERENT for one in found])
        confirmed = np.mean(
            [one.verdict is Verdict.WORSE and survives_session_effect(one) for one in found]
        )
        print(
            f"two sessions, n {n:2d}: {100 * different:.1f} % called different (noted 18-22), "
            f"{100 * confirmed:.1f} % confirmed slower"
        )


# --- nights --------------------------------------------------------------------------------------


def nights(repeats: int = 3000) -> None:
    """Alarms of whole nights: suspected, measured again, confirmed (harness/jobs/nightly.py)."""
    rng = np.random.default_rng(6)
    for s_b in (0.01, 0.02, 0.03):
        for count in (3, 5, 10):
            told: list[str] = []
            for shift in SHIFTS:
                found = [_night(rng, s_b, count, shift) for _ in range(repeats)]
                suspected, confirmed = (100 * np.mean(one) for one in zip(*found, strict=True))
                told.append(f"{suspected:.2f} % suspected, {confirmed:.2f} % confirmed")
            print(
                f"s_b {s_b:.0%}, {count:2d} quads: equal {told[0]}; 3 % slower {told[1]}; "
                f"5 % slower {told[2]}"
            )


def _night(rng: np.random.Generator, s_b: float, count: int, shift: float) -> tuple[bool, bool]:
    """Whether a night suspects a slowdown, and whether fresh quads confirm it."""
    first = _quads(np.exp(rng.normal(0, s_b, 4 * count)), shift)
    if compare_quads(first, margin=MARGIN, better="lower").verdict is not Verdict.WORSE:
        return False, False
    fresh = _quads(np.exp(rng.normal(0, s_b, 4 * count)), shift)
    together = compare_quads([*first, *fresh], margin=MARGIN, better="lower")
    alone = compare_quads(fresh, margin=MARGIN, better="lower")
    return True, together.verdict is Verdict.WORSE and points_to_worse(alone, better="lower")


# --- repeats until narrow enough ----------------------------------------------------------------


def sequential(repeats: int = 3000) -> None:
    """``repeats: {min: ., max: 20, until_ci: 2%}``: does stopping early make false alarms?"""
    rng = np.random.default_rng(3)
    for s_b, least in ((0.01, 5), (0.02, 5), (0.03, 5), (0.02, 10), (0.03, 10)):
        false = plain = 0
        used = []
        for _ in range(repeats):
            sides = [_until_narrow(rng, s_b, least) for _ in range(2)]
            found = compare(*sides, margin=MARGIN, better="lower")
            false += found.verdict in DIFFERENT
            plain += welch(*sides).p_value < 0.05
            used += [len(values) for values in sides]
        print(
            f"s_b {s_b:.0%}, min {least:2d}: {100 * false / repeats:.1f} % false alarms "
            f"with the margin, {100 * plain / repeats:.1f} % without; "
            f"{np.mean(used):.1f} trials on average"
        )

    _sequential_quads(rng, repeats)


def _sequential_quads(rng: np.random.Generator, repeats: int) -> None:
    """The same with arms: quads are added until the interval of their ratio is narrow enough."""
    for s_b, least in ((0.01, 2), (0.01, 3), (0.02, 3), (0.03, 3), (0.02, 5), (0.03, 5)):
        different = np.zeros(len(SHIFTS))
        used = []
        for _ in range(repeats):
            quads = _quads_until_narrow(rng, s_b, least)
            used.append(len(quads))
            for place, shift in enumerate(SHIFTS):
                slower = [
                    Quad(quad.reference, (shift * quad.candidate[0], shift * quad.candidate[1]))
                    for quad in quads
                ]
                found = compare_quads(slower, margin=MARGIN, better="lower")
                different[place] += found.verdict in DIFFERENT
        rates = 100 * different / repeats
        print(
            f"quads, s_b {s_b:.0%}, min {least} quads: {rates[0]:.1f} % false alarms, "
            f"{rates[1]:.0f} % of 3 % found, {rates[2]:.0f} % of 5 %; "
            f"{np.mean(used):.1f} quads on average"
        )


def _quads_until_narrow(rng: np.random.Generator, s_b: float, least: int) -> list[Quad]:
    """At most ten quads, as the rule of ``repeats: {until_ci: 2%, max: 20}`` decides."""
    quads: list[Quad] = []
    while len(quads) < 10:
        quads += _quads(np.exp(rng.normal(0, s_b, 4)), 1.0)
        differences = [
            math.log(ours / theirs)
            for quad in quads
            for ours, theirs in zip(quad.candidate, quad.reference, strict=True)
        ]
        if len(quads) >= least and paired(differences).half_width(0.95) <= 0.02:
            break
    return quads


def _until_narrow(rng: np.random.Generator, s_b: float, least: int) -> list[float]:
    values = list(np.exp(rng.normal(0, s_b, least)))
    while len(values) < 20:
        width = relative_half_width(geometric_mean_interval(values))
        if width is not None and width <= 0.02:
            break
        values.append(float(np.exp(rng.normal(0, s_b))))
    return values


if __name__ == "__main__":
    main()
