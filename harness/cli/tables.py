"""Tables on the terminal: aligned by rich where somebody looks, plain text in pipes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table as RichTable

#: What reports print where nothing was measured.
NOT_MEASURED = "\u2014"
#: What rich puts around each column.
_GAP = 3


class TableLike(Protocol):
    """What reports and commands hand over for printing."""

    @property
    def headers(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def rows(self) -> Sequence[Sequence[str]]: ...  # noqa: D102
    @property
    def notes(self) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Table:
    """A table made by a command itself."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def print_table(table: TableLike) -> None:
    """Print ``table`` to stdout, followed by its notes."""
    if table.rows:
        if sys.stdout.isatty():
            _print_rich(table)
        else:
            _print_plain(table)
    for note in table.notes:
        click.echo(note)


def _print_rich(table: TableLike) -> None:
    """Columns where no word has to be broken for them; otherwise each row as a block of lines."""
    from rich.console import Console

    console = Console(highlight=False)
    if _narrowest(table) <= console.width:
        console.print(_grid(table))
        return
    width = max(map(len, table.headers))
    for row in table.rows:
        for header, cell in zip(table.headers, row, strict=True):
            if cell:
                click.echo(f"{header:>{width}}  {cell}")
        click.echo()


def _narrowest(table: TableLike) -> int:
    """The width in which no word is broken: the longest of each column, and the space between."""
    columns = zip(table.headers, *table.rows, strict=True)
    longest = (
        max(len(word) for cell in column for word in (cell.split() or [""])) for column in columns
    )
    return sum(longest) + _GAP * len(table.headers)


def grid(table: TableLike) -> Group:
    """``table`` and its notes, for a live view."""
    from rich.console import Group
    from rich.text import Text

    return Group(_grid(table), *(Text(note) for note in table.notes))


def _grid(table: TableLike) -> RichTable:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE, pad_edge=False, header_style="bold")
    for header in table.headers:
        made.add_column(header, justify=_side(header, table), overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _print_plain(table: TableLike) -> None:
    rows = [list(table.headers), *(list(row) for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def _side(header: str, table: TableLike) -> Literal["left", "right"]:
    """Numbers to the right, words to the left."""
    column = list(table.headers).index(header)
    cells = [row[column] for row in table.rows if row[column] not in {"", NOT_MEASURED}]
    return "right" if all(cell[0].isdigit() for cell in cells) else "left"
