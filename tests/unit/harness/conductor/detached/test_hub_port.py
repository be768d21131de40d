"""The cable by a hub that switches its ports, in place of a hand."""

from __future__ import annotations

import pytest

from harness.scenario import LabDevice


def test_a_hub_port_is_switched(measured, phone, notes, tmp_path, monkeypatch) -> None:
    program = tmp_path / "bin" / "uhubctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $* >>{tmp_path}/asked\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    phone.runner.cable_out = [(2.0, 500.0)]
    lab = LabDevice("android:A", hub_port="1-4.2")
    record = measured(lab=lab)
    assert record.energy.source == "battery"
    assert notes.notes == []
    assert (tmp_path / "asked").read_text().splitlines() == [
        "-l 1-4 -p 2",
        "-l 1-4 -p 2 -a off",
        "-l 1-4 -p 2 -a on",
    ]


@pytest.mark.parametrize(
    ("place", "script", "why"),
    [
        ("1-4.2", None, "uhubctl is not installed"),
        ("1-4.2", "echo no such hub >&2; exit 3", "uhubctl ended with 3: no such hub"),
        ("the left one", "exit 0", "'the left one' is no hub port such as 1-4.2"),
    ],
)
def test_a_port_that_cannot_be_switched_is_a_hands_work(
    measured, phone, notes, tmp_path, monkeypatch, place, script, why
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if script is not None:
        (folder / "uhubctl").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "uhubctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    phone.runner.cable_out = [(30.0, 500.0)]
    assert measured(lab=LabDevice("android:A", hub_port=place)).energy.source == "battery"
    assert notes.notes[0] == f"android:A: its hub port cannot be switched ({why})"
    assert notes.notes[1].startswith("unplug android:A now")
