"""``benchfarm runs delete`` asks first."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli.runs import runs
from harness.errors import UserError


@pytest.fixture
def delete(lab, cell):
    """Tries to delete a run; whether it is left, and what was said last."""
    run = lab.run((cell(), [1.0]))

    def tried(answer: str, *options: str) -> tuple[bool, str]:
        arguments = ["delete", run.run_id, *options, "--results", str(lab.store.root)]
        done = CliRunner().invoke(runs, arguments, input=answer, catch_exceptions=False)
        return run.folder.exists(), done.output.splitlines()[-1].replace(run.run_id, "it")

    return tried


def test_a_run_is_deleted_when_that_is_confirmed(delete) -> None:
    assert delete("n\n") == (True, "kept it")
    assert delete("y\n") == (False, "deleted it")


def test_where_nobody_can_be_asked_an_option_is_needed(delete) -> None:
    with pytest.raises(UserError, match="say --yes"):
        delete("")
    assert delete("", "--yes") == (False, "deleted it")
