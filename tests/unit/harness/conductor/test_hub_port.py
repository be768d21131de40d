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
    assert nowhere.problem() == (
        "uhubctl ended with 1: No compatible devices detected at location 99-7!"
    )


@pytest.mark.parametrize("on", [True, False])
def test_its_port_cannot_be_switched(nowhere, on) -> None:
    assert nowhere.switch(on=on) == nowhere.problem()
