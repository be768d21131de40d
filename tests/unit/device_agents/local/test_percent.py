"""How far a file has come."""

from __future__ import annotations

from device_agents.local.percent import Percent


def test_each_percent_is_told_once() -> None:
    told: list[str] = []
    progress = Percent(told.append)
    for sent in (0, 1, 9, 10, 15, 1000):
        progress(sent, 1000)
    assert told == ["0 %", "1 %", "100 %"]


def test_an_empty_file_is_there_at_once() -> None:
    told: list[str] = []
    Percent(told.append)(0, 0)
    assert told == ["100 %"]
