"""How a run looks while it goes on: progress bars on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from harness.metrics import METRICS
from harness.plan import label
from harness.record import Outcome, Trial, TrialRecord
from harness.units import format_ms

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class RunView(Protocol):
    """A spectator that is also a context manager, from first trial to last."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def trial_started(self, trial: Trial, position: int, total: int) -> None: ...  # noqa: D102
    def phase(self, trial: Trial, name: str, detail: str = "") -> None: ...  # noqa: D102
    def trial_finished(self, record: TrialRecord) -> None: ...  # noqa: D102
    def note(self, text: str) -> None: ...  # noqa: D102


def run_view(total: int) -> RunView:
    """Bars on a terminal, lines elsewhere; ``total`` trials are planned."""
    return BarView(total) if sys.stderr.isatty() else LineView(total)


def outcome_line(record: TrialRecord) -> str:
    """One finished trial for people: what it was and what came out."""
    what = trial_text(record.trial)
    if record.outcome is Outcome.OK:
        return f"{what}: {headline(record)}{_finding_marks(record)}"
    if record.outcome is Outcome.FAILED and record.failure is not None:
        return f"{what}: FAILED ({record.failure.cause}): {record.failure.message}"
    return f"{what}: {record.outcome}: {record.reason}"


def trial_text(trial: Trial) -> str:
    """``mobilenet_v2/fp32 tflite cpu t1 b1 single_stream #2``."""
    where = "" if trial.cell.device_id == "local" else f"{trial.cell.device_id} "
    return f"{where}{label(trial.cell)} #{trial.repeat + 1}"


def headline(record: TrialRecord) -> str:
    """The trial's most telling number."""
    metrics, load = record.metrics, record.trial.cell.load.kind
    if record.trial.cell.purpose == "memory" and "rss_steady_bytes" in metrics:
        return f"steady RSS {metrics['rss_steady_bytes'] / 2**20:.1f} MiB"
    if record.accuracy is not None:
        return _accuracy_text(record)
    if load == "cold" and "cold_start_ns" in metrics:
        return f"{format_ms(metrics['cold_start_ns'])} ms to first result"
    if load == "offline" and "throughput_per_s" in metrics:
        return f"{metrics['throughput_per_s']:.1f} inferences/s"
    if "latency_p50_ns" in metrics:
        return (
            f"p50 {format_ms(metrics['latency_p50_ns'])} ms, "
            f"p90 {format_ms(metrics['latency_p90_ns'])} ms"
        )
    return (
        "done"
        if "operators_ns" not in metrics
        else f"{format_ms(metrics['operators_ns'])} ms in operators, profiled"
    )


def _accuracy_text(record: TrialRecord) -> str:
    metrics = record.metrics
    shown = [
        f"{METRICS[name].title} {value:.2%}"
        if name != "accuracy_perplexity"
        else f"perplexity {value:.4g}"
        for name, value in metrics.items()
        if name.startswith("accuracy_")
    ]
    samples = f"{record.accuracy.samples if record.accuracy else 0} samples"
    return ", ".join([*shown, samples])


def _finding_marks(record: TrialRecord) -> str:
    doubts = sorted({item.id for item in record.findings if item.severity != "note"})
    return f"  [{', '.join(doubts)}]" if doubts else ""


class LineView:
    """One line per finished trial: for logs and nightly jobs."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def trial_started(self, trial: Trial, position: int, total: int) -> None:
        """Nothing until it is over."""

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        """Nothing, unless a person has to do something before the runner can start."""
        if name == "LAUNCH" and detail:
            self.note(f"{trial.cell.device_id}: {detail}")

    def trial_finished(self, record: TrialRecord) -> None:
        """One line."""
        with self._lock:
            self._done += 1
            click.echo(f"[{self._done}/{self._total}] {outcome_line(record)}", err=True)

    def note(self, text: str) -> None:
        """One line."""
        click.echo(text, err=True)


class BarView:
    """A bar for the run and one line per device at work, above it the finished trials."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        self._bars: Bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            Elapsed(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._total, self._done = total, 0
        self._run = self._bars.add_task("trials", total=total, count=f"0/{total}")
        self._devices: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def trial_started(self, trial: Trial, position: int, total: int) -> None:
        """The device's line shows the new trial."""
        self.phase(trial, "")

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        """The device's line shows the phase."""
        device = trial.cell.device_id
        if device not in self._devices:
            self._devices[device] = self._bars.add_task("", total=None, count="")
        words = " ".join(word for word in (trial_text(trial), name.lower(), detail) if word)
        self._bars.update(self._devices[device], description=words)

    def trial_finished(self, record: TrialRecord) -> None:
        """The result scrolls up above the bars."""
        with self._lock:
            self._done += 1
            count = f"{self._done}/{self._total}"
        self._bars.update(self._run, advance=1, count=count)
        self.note(outcome_line(record))

    def note(self, text: str) -> None:
        """A line above the bars."""
        self._bars.console.print(text, markup=False, soft_wrap=True)
