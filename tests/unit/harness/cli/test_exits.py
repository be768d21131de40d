"""How the process ends."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from harness.cli.exits import run_and_exit
from harness.errors import UserError

_TALKATIVE = """
import click
from harness.cli.exits import run_and_exit

@click.command()
def talk():
    while True:
        click.echo("a line")

run_and_exit(talk)
"""


def test_a_reader_who_has_seen_enough_is_no_exceeded_limit() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _TALKATIVE],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_error_is_one_line_and_its_code(monkeypatch, capsys) -> None:
    @click.command()
    def failing() -> None:
        raise UserError("two\nlines")

    monkeypatch.setattr(sys, "argv", ["benchfarm"])
    with pytest.raises(SystemExit) as ended:
        run_and_exit(failing)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: two lines\n"


def test_any_other_end_of_the_process_keeps_its_code(monkeypatch) -> None:
    @click.command()
    def ending() -> None:
        sys.exit(7)

    monkeypatch.setattr(sys, "argv", ["benchfarm"])
    with pytest.raises(SystemExit) as ended:
        run_and_exit(ending)
    assert ended.value.code == 7


def test_a_mistake_of_ours_is_no_slowdown(monkeypatch, capsys) -> None:
    @click.command()
    def broken() -> None:
        raise KeyError("candidate")

    monkeypatch.setattr(sys, "argv", ["benchfarm"])
    with pytest.raises(SystemExit) as ended:
        run_and_exit(broken)
    assert ended.value.code == 70
    assert capsys.readouterr().err.endswith("KeyError: 'candidate'\n")
