"""A second opinion on slow drifts: change points that Apache Otava sees in the history of nights.

Otava pins a numpy of its own, so it lives in an environment of its own (``pipx install
apache-otava``) and is asked by its command line. What it says is a note; no verdict rests on it.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.metrics import METRICS
from harness.store.lab_files import NightEntry

OTAVA = "otava"
#: It takes some seconds for a hundred series.
TIMEOUT_S = 120.0
#: Below this it never sees a change.
_LEAST_NIGHTS = 4
#: Otava leaves out what is older than a year unless told otherwise.
_EVER = "1970-01-02"
_MOST_BYTES = 10_000_000
#: Of the shells of CI jobs; Otava would look for a column of that name.
_NOT_FOR_OTAVA = "BRANCH"


class _NoOpinionError(Exception):
    """Why it said nothing of use."""


def second_opinions(
    histories: Iterable[Sequence[NightEntry]],
    command: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[str]:
    """A line for each series whose ratio changed, or one line about why that is not known.

    ``command`` starts Otava; without one, ``otava`` is asked if it is on PATH. Never raises.
    """
    nights = [[one for one in history if one.ratio is not None] for history in histories]
    series = {f"s{n}": held for n, held in enumerate(nights) if len(held) >= _LEAST_NIGHTS}
    program = shutil.which(command or OTAVA)
    if program is None:
        return [f"otava has no opinion: there is no command {command!r}"] if command else []
    if not series:
        return []
    try:
        with tempfile.TemporaryDirectory(prefix="benchfarm-otava-") as folder:
            said = _ask(program, series, Path(folder), timeout_s)
        return [line for name, held in series.items() for line in _told(held, said[name])]
    except (_NoOpinionError, OSError) as error:
        return [f"otava has no opinion: {error}"]


def changes(text: str) -> dict[str, list[tuple[int, float]]]:
    """Otava's JSON, one object per line: by series, where its ratio changed and by which part.

    Raises ValueError for anything else.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    try:
        for line in text.splitlines():
            for name, groups in json.loads(line).items():
                points = [point for group in groups for point in group["changes"]]
                found[name] = [(int(point["index"]), _change(point)) for point in points]
    except (AttributeError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return found


def _change(point: dict[str, Any]) -> float:
    change = float(point["mean_after"]) / float(point["mean_before"]) - 1
    if not math.isfinite(change):
        raise ValueError("a change is no number")
    return change


def _ask(
    program: str, series: dict[str, list[NightEntry]], folder: Path, timeout_s: float
) -> dict[str, list[tuple[int, float]]]:
    for name, history in series.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("time", "ratio"), *((e.at, e.ratio) for e in history)])
    tests = {
        name: {
            "type": "csv",
            "file": str(folder / f"{name}.csv"),
            "time_column": "time",
            "metrics": {"ratio": {"column": "ratio"}},
        }
        for name in series
    }
    config = folder / "otava.yaml"  # JSON is YAML
    config.write_text(json.dumps({"tests": tests}), encoding="utf-8")
    asked = ["analyze", "--config-file", str(config), "--output", "json", "--since", _EVER]
    text, complaint = _output([program, *asked, *series], folder, timeout_s)
    try:
        found = changes(text)
    except ValueError as error:
        raise _NoOpinionError(f"its output is not as expected ({error})") from error
    if missing := series.keys() - found.keys():
        raise _NoOpinionError(complaint or f"nothing was said of {len(missing)} series")
    return found


def _output(command: list[str], folder: Path, timeout_s: float) -> tuple[str, str]:
    """What it prints, and the last line that it complains; files, so that no pipe is waited for."""
    places = folder / "out", folder / "err"
    with places[0].open("wb") as out, places[1].open("wb") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: text for name, text in os.environ.items() if name != _NOT_FOR_OTAVA},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise _NoOpinionError(f"it took longer than {timeout_s:g} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    said, complained = (
        place.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace") for place in places
    )
    last = " ".join((complained.splitlines() or [""])[-1].split())[:200]
    if process.returncode != 0:
        raise _NoOpinionError(f"it ended with {process.returncode}: {last or 'no output'}")
    return said, last


def _told(history: Sequence[NightEntry], points: list[tuple[int, float]]) -> list[str]:
    """The last change of a series; older ones were told in their time."""
    points = [point for point in points if 0 < point[0] < len(history)]
    if not points:
        return []
    index, change = max(points)
    first, latest = history[index], history[-1]
    metric = METRICS[latest.metric].title if latest.metric in METRICS else latest.metric
    where = f"{latest.cell} on {latest.device_id}, {metric}"
    since = f"from the night of {first.at[:10]} on"
    return [f"otava sees a change of {100 * change:+.1f} % {since} in {where}"]
