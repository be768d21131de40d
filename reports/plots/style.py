"""How figures look: column widths, fonts, and colours that grey print and every eye tell apart."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Okabe and Ito's palette, told apart by colour-blind readers (jfly.uni-koeln.de/color, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
#: Markers and lines differ as well, for grey print.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))
#: File formats of every figure; PDF first, for papers.
FORMATS = ("pdf", "svg", "png")


@dataclass(frozen=True, slots=True)
class Style:
    """Widths in inches of a figure in one column and over the page, and the size of its letters."""

    column_in: float
    page_in: float
    font_pt: float
    dpi: int


#: ``paper`` has the columns of ACM and IEEE two-column layouts.
STYLES: dict[str, Style] = {
    "paper": Style(3.33, 7.0, 8.0, 300),
    "slides": Style(6.0, 10.0, 15.0, 160),
    "web": Style(5.5, 9.5, 10.5, 144),
}


def check_style(name: str) -> None:
    """Raise UserError for a style that does not exist."""
    if name not in STYLES:
        raise UserError(f"no figure style {name!r}; there are {', '.join(STYLES)}")


@contextmanager
def applied(style: Style) -> Iterator[None]:
    """Draw in this style inside the block. Raises UserError where matplotlib is not installed."""
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise UserError("figures need matplotlib: pip install 'benchfarm[figures]'") from error
    with rc_context(_settings(style)):
        yield


def rendered(figure: Figure, fmt: str) -> bytes:
    """The figure as a file; equal figures give equal bytes that do not tell who drew them when."""
    metadata: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "ModDate": None, "Creator": "benchfarm", "Producer": None},
        "svg": {"Date": None, "Creator": "benchfarm"},
        "png": {"Software": None},
    }
    buffer = io.BytesIO()
    figure.savefig(buffer, format=fmt, metadata=metadata[fmt])
    return buffer.getvalue()


def _settings(style: Style) -> Any:  # matplotlib's stubs want each key as a literal
    return {
        "font.size": style.font_pt,
        "axes.titlesize": style.font_pt,
        "axes.labelsize": style.font_pt,
        "xtick.labelsize": style.font_pt * 0.9,
        "ytick.labelsize": style.font_pt * 0.9,
        "legend.fontsize": style.font_pt * 0.85,
        "legend.frameon": False,
        "lines.linewidth": style.font_pt / 7,
        "lines.markersize": style.font_pt / 2,
        "axes.linewidth": style.font_pt / 13,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "0.9",
        "grid.linewidth": style.font_pt / 16,
        "figure.constrained_layout.use": True,
        "savefig.dpi": style.dpi,
        "pdf.fonttype": 42,  # TrueType: text stays text, and publishers accept it
        "ps.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "benchfarm",
        "text.parse_math": False,  # names of models and phones are no formulas
        "axes.formatter.useoffset": False,
    }
