"""The real ``uhubctl`` understands how it is asked, and says what is missing."""

from __future__ import annotations

import shutil

import pytest

from harness.conductor.hub_port import HubPort


@pytest.fixture
def nowhere():
    """A port that no hub has."""
    if shutil.which("uhubctl") is None:
        pytest.skip("needs uhubctl")
    return HubPort("99-7.3")


def test_a_hub_that_is_not_there(nowhere) -> None:
    """Its first line says so; the last one only names the help."""
    problem = nowhere.problem()
    assert problem is not None
    assert problem.startswith("uhubctl ended with 1: ")
    assert "-h" not in problem


@pytest.mark.parametrize("on", [True, False])
def test_its_port_cannot_be_switched(nowhere, on) -> None:
    assert nowhere.switch(on=on) == nowhere.problem()
