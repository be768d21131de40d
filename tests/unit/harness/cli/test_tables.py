"""Tables on terminals that are wide enough for them, and on those that are not."""

from __future__ import annotations

import pytest

from harness.cli import tables
from harness.cli.tables import Table, print_table

_TABLE = Table(
    ("Device", "latency [ms]", "Doubts"),
    (
        ("android:SIMPIXEL8001", "4.2 [4.1, 4.3]", "SIMULATED-DEVICE CPU-STARVED"),
        ("local", "9.1 [9.0, 9.2]", ""),
    ),
    ("a note",),
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(tables, "_print_plain", tables._print_rich)
    return monkeypatch


def test_columns_where_they_fit(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "80")
    print_table(_TABLE)
    lines = capsys.readouterr().out.splitlines()
    assert any("android:SIMPIXEL8001" in line and "4.2 [4.1, 4.3]" in line for line in lines)
    assert lines[-1] == "a note"


def test_a_block_for_each_row_where_words_would_be_broken(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "48")
    print_table(_TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "      Device  android:SIMPIXEL8001",
        "latency [ms]  4.2 [4.1, 4.3]",
        "      Doubts  SIMULATED-DEVICE CPU-STARVED",
        "",
        "      Device  local",
        "latency [ms]  9.1 [9.0, 9.2]",
        "",
        "a note",
    ]
