"""Does a night cry wolf, and does it find what it says it can? Real trials on this machine.

``python -m tests.benchmarks.nightly [--minutes 12] [--quads 3]``. Three steps: the unit is
calibrated; 30 pairs of equal arms are compared, with trials of all pairs interleaved (goal: at most
2 false alarms); 20 pairs of which the candidate has so many layers more that it is slower by twice
the smallest detectable change (goal: at least 18 found and confirmed). The network is a chain of
equal matrix products, so that layers are time. Wants a quiet machine; what the given minutes do not
suffice for is measured with fewer quads a comparison, which is told.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

EQUAL_PAIRS, SLOW_PAIRS = 30, 20
CALIBRATION_QUADS = 20
LAYERS = 100
WIDTH, ROWS = 128, 32
LATENCY = "latency_p50_ns"
#: Warm-up and 120 timed inferences are about a quarter of a second.
LOAD = {"kind": "burst", "inferences": 120, "warmup": {"rule": "fixed", "min_inferences": 30}}


def main() -> None:
    """Calibrate, compare equal arms, compare arms of which one is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12.0, help="for everything together")
    parser.add_argument("--quads", type=int, default=3, help="quads of a comparison")
    parser.add_argument("--keep", type=Path, help="a results folder that stays")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchfarm-nightly-") as folder:
        _Bench(Path(folder), chosen.keep, chosen.minutes, chosen.quads).run()


class _Bench:
    """The three steps, each a call of the command line."""

    def __init__(self, folder: Path, keep: Path | None, minutes: float, quads: int) -> None:
        self._folder, self._quads = folder, quads
        self._results = keep or folder / "results"
        self._ends_at = time.monotonic() + 60 * minutes

    def run(self) -> None:
        """Print the figures of every step."""
        self._model("base", LAYERS)
        started = time.monotonic()
        detectable = self._calibrated(self._quads, CALIBRATION_QUADS)
        trial_s = (time.monotonic() - started) / (4 * CALIBRATION_QUADS)
        quads = self._affordable(trial_s)
        if quads < self._quads:
            _say(f"{trial_s:.2f} s a trial: {quads} quads a comparison instead of {self._quads}")
            detectable = self._stored(quads, detectable)
        self._equal(quads)
        self._slow(quads, detectable)

    def _affordable(self, trial_s: float) -> int:
        """Quads a comparison for which the time suffices; suspects are measured twice."""
        left_s = self._ends_at - time.monotonic()
        return max(2, min(self._quads, int(left_s / trial_s / 4 / (EQUAL_PAIRS + 2 * SLOW_PAIRS))))

    def _calibrated(self, quads: int, measured: int) -> float:
        """The smallest change that a comparison of so many quads finds."""
        words = ("--quads", str(measured), "--per-comparison", str(quads))
        (unit,) = self._call("calibrate", self._scenario(["base"], {"equal": True}, 2), *words)
        (figures,) = unit["cells"].values()
        percent = {
            name: f"{100 * figures[name]:.2f} %"
            for name in ("false_alarms", "false_alarms_error", "spread", "detectable")
        }
        _say(
            f"calibrated with {measured} quads: {percent['false_alarms']} false alarms "
            f"(± {percent['false_alarms_error']}), spread {percent['spread']}; "
            f"{quads} quads find {percent['detectable']} in 80 of 100 cases"
        )
        return float(figures["detectable"])

    def _stored(self, quads: int, detectable: float) -> float:
        """The smallest change for fewer quads, from the trials that are there."""
        from harness.jobs.calibrate import calibrations
        from harness.store.store import ResultsStore

        (found,), _ = calibrations(ResultsStore(self._results).resolve("latest"), quads)
        _say(f"{quads} quads find {100 * found.detectable:.2f} %, not {100 * detectable:.2f} %")
        return found.detectable

    def _equal(self, quads: int) -> None:
        names = [f"equal-{number:02d}" for number in range(EQUAL_PAIRS)]
        night = self._night(self._scenario(names, {"equal": True}, 2 * quads))
        rows = [row for row in night["comparisons"] if row["metric"] == LATENCY]
        different = [row for row in rows if _different(row)]
        alarms = [row for row in rows if row["status"] == "regression"]
        _say(
            f"{len(rows)} A/A comparisons of {quads} quads: {len(different)} called slower or "
            f"faster (goal: at most 2), {len(alarms)} confirmed as regressions; of all "
            f"{len(night['comparisons'])} watched metrics {night['regressions']} confirmed"
        )

    def _slow(self, quads: int, detectable: float) -> None:
        layers = LAYERS + math.ceil(LAYERS * 2 * detectable)
        slow = self._model("slow", layers)
        names = [f"slow-{number:02d}" for number in range(SLOW_PAIRS)]
        arms = {"candidate": {"model": str(slow)}}
        night = self._night(self._scenario(names, arms, 2 * quads))
        rows = [row for row in night["comparisons"] if row["metric"] == LATENCY]
        found = [row for row in rows if row["status"] == "regression"]
        ratios = [row["ratio"]["value"] for row in rows if row["ratio"]]
        _say(
            f"{layers - LAYERS} layers of {LAYERS} more (2 x {100 * detectable:.2f} %): seen as "
            f"{100 * (np.median(ratios) - 1):.2f} % (median); {len(found)} of {len(rows)} found "
            "and confirmed (goal: at least 18 of 20)"
        )

    def _night(self, scenario: Path) -> Any:
        return self._call("nightly", scenario, expected=(0, 1, 4))

    def _call(self, *words: object, expected: tuple[int, ...] = (0,)) -> Any:
        """A command's JSON; its progress lines go by on stderr."""
        command = [sys.executable, "-m", "harness.cli", *map(str, words), "--json"]
        done = subprocess.run(
            [*command, "--results", str(self._results)],
            stdout=subprocess.PIPE,
            check=False,
            env=os.environ | {"BENCHFARM_CACHE": str(self._folder / "cache")},
        )
        if done.returncode not in expected or not done.stdout:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def _scenario(self, names: list[str], arms: dict[str, Any], repeats: int) -> Path:
        """Pairs that differ in their name only, each a cell of its own."""
        models = [{"path": str(self._named(name))} for name in names]
        document = {
            "schema": 1,
            "name": names[0].partition("-")[0],
            "models": models,
            "blocks": [{"engine": "onnxruntime"}],
            "loads": [LOAD],
            "arms": arms,
            "repeats": repeats,
        }
        path = self._folder / f"{names[0]}.yaml"
        path.write_text(json.dumps(document), "utf-8")
        return path

    def _named(self, name: str) -> Path:
        path = self._folder / f"{name}.onnx"
        if not path.exists():
            path.symlink_to(self._folder / "base.onnx")
        return path

    def _model(self, name: str, layers: int) -> Path:
        path = self._folder / f"{name}.onnx"
        path.write_bytes(chain(layers))
        return path


def chain(layers: int) -> bytes:
    """A chain of matrix products with one orthogonal matrix, so that values stay as they are."""
    from onnx import TensorProto, checker, helper, numpy_helper

    matrix, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(WIDTH, WIDTH)))
    nodes = [
        helper.make_node("MatMul", [f"x{n}", "w"], [f"x{n + 1}"], name=f"product{n}")
        for n in range(layers)
    ]
    shape = [ROWS, WIDTH]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(matrix.astype(np.float32), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    return bytes(made.SerializeToString())


def _different(row: dict[str, Any]) -> bool:
    """The verdict of one comparison alone, not adjusted for their number."""
    ratio, margin = row["ratio"], math.log1p(row["margin"])
    if ratio is None:
        return False
    outside = not ratio["low"] <= 1.0 <= ratio["high"]
    return outside and abs(math.log(ratio["value"])) > margin


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
