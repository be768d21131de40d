"""What a log shows while a run goes on."""

from __future__ import annotations

from harness.cli.console import LineView
from harness.record import Trial


class _Cell:
    device_id = "ios:00008120"


def test_a_log_tells_what_a_person_has_to_do_and_nothing_of_progress(capsys) -> None:
    trial = Trial("t-r0", _Cell(), 0, 0)  # type: ignore[arg-type]
    view = LineView(1)
    view.phase(trial, "PUSH", "40 %")
    view.phase(trial, "LAUNCH")
    view.phase(trial, "LAUNCH", "open the app")
    assert capsys.readouterr().err == "ios:00008120: open the app\n"
