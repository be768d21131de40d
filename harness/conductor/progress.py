"""What a run tells its spectators while it goes on; the core itself never prints."""

from __future__ import annotations

from typing import Protocol

from harness.record import Trial, TrialRecord


class Progress(Protocol):
    """A spectator of a run. Calls may come from several worker threads."""

    def trial_started(self, trial: Trial, position: int, total: int) -> None:
        """``trial`` begins as number ``position`` (1-based) of ``total`` on its device."""

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        """``trial`` entered a phase, or moved on within it (``detail``)."""

    def trial_finished(self, record: TrialRecord) -> None:
        """The record is stored."""

    def note(self, text: str) -> None:
        """Something a person at the terminal should know."""


class Silent:
    """Nobody watches."""

    def trial_started(self, trial: Trial, position: int, total: int) -> None:
        """Say nothing."""

    def phase(self, trial: Trial, name: str, detail: str = "") -> None:
        """Say nothing."""

    def trial_finished(self, record: TrialRecord) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
