"""What the housekeeping of stored runs says."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli.runs import runs


@pytest.mark.parametrize(
    ("command", "said"),
    [("gc", "nothing is half-written\n"), ("reindex", "runs in the index: 0\n")],
)
def test_housekeeping_says_what_it_did(command, said, tmp_path) -> None:
    arguments = [command, "--results", str(tmp_path)]
    assert CliRunner().invoke(runs, arguments, catch_exceptions=False).output == said
