"""How often shapes and throttle onsets are found on made-up series with known truth.

``python -m tests.benchmarks.steadiness``; the series are those of ``_series.py``.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable

import numpy as np

from harness.stats.steady_state import classify
from harness.stats.throttle import find_throttling
from tests.benchmarks._series import SHAPES, Heat, labelled, long_run, noise


def main() -> None:
    """Print the figures of shapes and of throttling."""
    shapes()
    throttle()


def shapes(each: int = 200) -> None:
    """The classifier on labelled series."""
    rng = np.random.default_rng(4)
    right = 0
    for shape in SHAPES:
        found = collections.Counter(_shape(labelled(rng, shape)) for _ in range(each))
        right += found[shape]
        others = {name: count for name, count in found.items() if name != shape}
        print(f"{shape:9s} {found[shape]:4d} of {each} right {others or ''}")
    print(f"together  {100 * right / each / len(SHAPES):.1f} % (goal 95)")
    for like in (0.0, 0.6, 0.9):
        for length in (250, 1024, 4096):
            series = ((5e6 * noise(rng, (length,), like=like)).astype(np.int64) for _ in range(400))
            false = sum(_shape(one) != "flat" for one in series) / 4
            print(f"flat, autocorrelation {like}, {length:4d} inferences: {false:.1f} % not flat")


def _shape(latency_ns: np.ndarray) -> str:
    found = classify(latency_ns)
    return "unjudged" if found is None else found.shape.value


def throttle(each: int = 25) -> None:
    """Onset of throttling in 20-minute runs."""
    rng = np.random.default_rng(5)
    alarms = runs = 0
    for latency_s in (0.02, 0.1, 0.4, 1.5):
        for _ in range(each):
            spread = rng.uniform(0.01, 0.05)
            run = long_run(rng, Heat(None), latency_s=latency_s, spread=spread)
            alarms += find_throttling(*run).events > 0
            runs += 1
    print(f"{alarms} alarms in {runs} flat runs (goal 0)")
    for kind in ("step", "ramp", "stairs"):
        for latency_s in (0.02, 0.1, 0.4, 1.5):
            _print_onsets(kind, latency_s, [_onset(rng, kind, latency_s) for _ in range(each)])


def _onset(rng: np.random.Generator, kind: str, latency_s: float) -> float:
    """Found minus true onset in seconds; infinite where none was found."""
    onset, size = rng.uniform(90, 900), rng.uniform(0.1, 0.6)
    heat = {
        "step": Heat(onset, size),
        "ramp": Heat(onset, size, ramp_s=60),
        "stairs": Heat(onset, 4 * size, stairs=4),
    }[kind]
    run = long_run(rng, heat, latency_s=latency_s, spread=rng.uniform(0.01, 0.05))
    found = find_throttling(*run).onset_ns
    return math.inf if found is None else found / 1e9 - (heat.throttles_s() or 0.0)


def _print_onsets(kind: str, latency_s: float, errors: Iterable[float]) -> None:
    away = np.abs(list(errors))
    print(
        f"{kind:6s} {1000 * latency_s:4.0f} ms: within 15 s in {100 * np.mean(away <= 15):3.0f} %, "
        f"median {np.median(away):.1f} s, worst {away.max():.1f} s"
    )


if __name__ == "__main__":
    main()
