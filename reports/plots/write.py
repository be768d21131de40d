"""Every figure of a report to files: PDF, SVG, PNG, and its numbers as CSV."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.text import csv_text
from reports.files import writing
from reports.model import ReportModel
from reports.plots.distributions import distribution_plots
from reports.plots.overtime import overtime_plots
from reports.plots.plot import Plot
from reports.plots.startup import startup_plots
from reports.plots.style import FORMATS, STYLES, Style, applied, rendered
from reports.plots.tradeoffs import tradeoff_plots

#: More figures of a kind than this nobody puts into a paper, and each takes a second.
MOST_OF_A_KIND = 24


def report_plots(model: ReportModel) -> Iterator[Plot]:
    """Every figure that the report has data for."""
    makers = (distribution_plots, startup_plots, tradeoff_plots, overtime_plots)
    return itertools.chain.from_iterable(maker(model) for maker in makers)


def write_figures(plots: Iterable[Plot], folder: Path, style: str = "paper") -> list[Path]:
    """Draw each figure; the paths in order, and a list of captions first.

    Of hundreds of a kind, as hundreds of devices have them, the first are drawn, and the list says
    how many are not. Equal reports give equal bytes. Raises UserError where matplotlib is not
    installed and StoreError, naming the path, when a file cannot be written.
    """
    written: list[Path] = []
    captions: list[str] = []
    kinds: Counter[str] = Counter()
    for plot in plots:
        kind = plot.name.rstrip("-0123456789")
        kinds[kind] += 1
        if kinds[kind] > MOST_OF_A_KIND:
            continue
        captions.append(f"{plot.name}: {caption(plot)}")
        written += [
            _write(folder / f"{plot.name}.{fmt}", drawn(plot, STYLES[style], fmt))
            for fmt in FORMATS
        ]
        written.append(_write(folder / f"{plot.name}.csv", _csv(plot)))
    captions += [
        f"{kind}: {count - MOST_OF_A_KIND} more are left out, only {MOST_OF_A_KIND} are drawn"
        for kind, count in kinds.items()
        if count > MOST_OF_A_KIND
    ]
    text = "".join(f"{line}\n" for line in captions)
    return [_write(folder / "captions.txt", text.encode()), *written]


def caption(plot: Plot) -> str:
    """What is written below the figure."""
    warning = "SIMULATED device, not a measurement of a real one. " if plot.simulated else ""
    return f"{warning}{plot.caption}"


def drawn(plot: Plot, style: Style, fmt: str) -> bytes:
    """One figure as a file."""
    with applied(style), warnings.catch_warnings():
        # Emoji and other scripts that the font lacks become boxes; the data file has the names.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        from matplotlib.figure import Figure

        figure = Figure(figsize=plot.size_in(style))
        if plot.simulated:
            figure.suptitle("SIMULATED device", color="#b03a2e", fontweight="bold")
        plot.draw(figure)
        return rendered(figure, fmt)


def _csv(plot: Plot) -> bytes:
    import pandas as pd

    safe = [
        {key: csv_text(value) if isinstance(value, str) else value for key, value in row.items()}
        for row in plot.rows
    ]
    return str(pd.DataFrame(safe).to_csv(index=False, lineterminator="\n")).encode()


def _write(path: Path, content: bytes) -> Path:
    with writing(path) as file:
        file.write(content)
    return path
