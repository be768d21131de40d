"""Preparing a phone: settings saved, made and read back; once per run, and looked at per trial."""

from __future__ import annotations

from device_agents.android.facts import sections
from device_agents.android.parse import screen
from device_agents.android.parse.text import printable
from device_agents.android.phone import Phone
from device_agents.android.settings import Change, changes
from device_agents.android.shell import quote
from device_agents.android.undo import UndoLog
from harness.clock import CancelToken, Deadline
from harness.scenario import Prepare

_FIXED = "cmd power set-fixed-performance-mode-enabled"
#: The phone's power service acts on the mode by itself, somewhat later.
_EFFECT_S = 2.0
_LOOK_EVERY_S = 0.1
_FREQUENCIES = """
for n in 0 1 2 3 4 5 6 7 8 9 10 11; do
  p=/sys/devices/system/cpu/cpufreq/policy$n
  read a <$p/scaling_min_freq && read b <$p/scaling_max_freq && echo "$n|$a|$b"
done
true"""
_AWAKE = "dumpsys power | grep mWakefulness="
_WAKE = "input keyevent 224; wm dismiss-keyguard"
SLEEP = "input keyevent 223"


class Preparation:
    """The settings of one phone for one run."""

    def __init__(self, phone: Phone, undo: UndoLog) -> None:
        self._phone, self._undo = phone, undo
        self._made: tuple[Prepare, str | None] | None = None
        self._changes: list[Change] = []
        self._unmet: tuple[str, ...] = ()

    def make(
        self, wanted: Prepare, package: str | None, deadline: Deadline, cancel: CancelToken
    ) -> tuple[str, ...]:
        """Make the settings, or look whether they still hold; what could not be had."""
        if self._made != (wanted, package):
            self.restore(deadline, cancel)
            self._unmet = self._make_all(wanted, package, deadline, cancel)
            self._made = (wanted, package)
        self._undo.keep_alive(deadline, cancel)
        self._wake(deadline, cancel)
        return (*self._unmet, *self._hold(deadline, cancel))

    def restore(self, deadline: Deadline, cancel: CancelToken) -> list[str]:
        """Put everything back, that of an earlier run which crashed included."""
        self._made, self._changes = None, []
        return self._undo.restore(deadline, cancel)

    def _make_all(
        self, wanted: Prepare, package: str | None, deadline: Deadline, cancel: CancelToken
    ) -> tuple[str, ...]:
        planned = list(changes(wanted, package, networked=":" in self._phone.address))
        unmet = [item for item in planned if isinstance(item, str)]
        every = [item for item in planned if isinstance(item, Change)]
        before = self._read(every, deadline, cancel)
        undo = [change.undo(old) for change, old in zip(every, before, strict=True)]
        if wanted.fixed_performance is not None:
            undo.append(f"{_FIXED} false")
        self._undo.save(undo, deadline, cancel)
        due = [c for c, old in zip(every, before, strict=True) if not c.is_made(old)]
        if due:
            self._phone.run(
                "; ".join(f"{change.make}" for change in due), deadline, cancel, check=False
            )
        after = self._read(every, deadline, cancel)
        refused: dict[str, str] = {}
        for change, value in zip(every, after, strict=True):
            if change.is_made(value):
                self._changes.append(change)
            else:
                refused.setdefault(change.name, f"the phone still says {printable(value, 60)!r}")
        unmet += [f"{name}: {why}" for name, why in refused.items()]
        unmet += self._refresh_rate(wanted, deadline, cancel)
        unmet += self._fixed_performance(wanted, deadline, cancel)
        unmet += self._compiled(wanted, package, deadline, cancel)
        return tuple(unmet)

    def _read(self, every: list[Change], deadline: Deadline, cancel: CancelToken) -> list[str]:
        """The values of settings in one go; a command's complaint stands for its value."""
        tables = {change.table for change in every if change.table}
        commands = [change.key for change in every if not change.table]
        script = [f"echo @@{table}; settings list {table} 2>&1" for table in sorted(tables)]
        script += [f"echo @@command{n}; {command} 2>&1" for n, command in enumerate(commands)]
        if not script:
            return []
        answer = self._phone.run("; ".join(script), deadline, cancel, check=False)
        found = sections(answer.text)
        rows = {table: _rows(found.get(table, "")) for table in tables}
        return [
            rows[change.table].get(change.key, "null")
            if change.table
            else found.get(f"command{commands.index(change.key)}", "").strip()
            for change in every
        ]

    def _hold(self, deadline: Deadline, cancel: CancelToken) -> list[str]:
        """Settings that somebody else has changed meanwhile; they are made again."""
        values = self._read(self._changes, deadline, cancel)
        lost = [c for c, v in zip(self._changes, values, strict=True) if not c.is_made(v)]
        if not lost:
            return []
        self._undo.renew(deadline, cancel)
        self._phone.run("; ".join(c.make for c in lost), deadline, cancel, check=False)
        again = self._read(lost, deadline, cancel)
        return [
            f"{change.name}: it does not stay, the phone says {printable(value, 60)!r}"
            for change, value in zip(lost, again, strict=True)
            if not change.is_made(value)
        ]

    def _wake(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Turn the screen on: an activity that starts in the dark is not in the foreground."""
        text = self._phone.run(_AWAKE, deadline, cancel, check=False).text
        if screen.is_awake(text) is False:
            self._phone.run(_WAKE, deadline, cancel, check=False)

    def _refresh_rate(self, wanted: Prepare, deadline: Deadline, cancel: CancelToken) -> list[str]:
        if wanted.refresh_hz is None:
            return []
        dump = self._phone.run("dumpsys display", deadline, cancel, check=False).text
        shown = screen.refresh_hz(dump)
        if shown is None:
            return ["refresh_hz: dumpsys display does not tell the rate"]
        if abs(shown - wanted.refresh_hz) > 1.0:
            return [f"refresh_hz: the display shows {shown:g} Hz"]
        return []

    def _fixed_performance(
        self, wanted: Prepare, deadline: Deadline, cancel: CancelToken
    ) -> list[str]:
        """Asks for the mode and looks whether any frequency limit moved: often none does."""
        if wanted.fixed_performance is None:
            return []
        before = self._phone.run(_FREQUENCIES, deadline, cancel).text
        value = "true" if wanted.fixed_performance else "false"
        answer = self._phone.run(f"{_FIXED} {value}", deadline, cancel, check=False)
        if answer.returncode:
            said = printable(answer.error_text or answer.text, 80)
            return [f"fixed_performance: the phone refuses it: {said}"]
        if not wanted.fixed_performance:
            return []
        acts = Deadline(self._phone.clock, min(_EFFECT_S, deadline.remaining_s))
        while self._phone.run(_FREQUENCIES, deadline, cancel).text == before:
            if acts.expired:
                return ["fixed_performance: taken without effect, no frequency limit moved"]
            self._phone.clock.sleep(_LOOK_EVERY_S, cancel)
        return []

    def _compiled(
        self, wanted: Prepare, package: str | None, deadline: Deadline, cancel: CancelToken
    ) -> list[str]:
        if not wanted.compile:
            return []
        if package is None:
            return ["compile: no app is installed with start: app_process"]
        answer = self._phone.run_apart(
            f"cmd package compile -m speed -f {quote(package)}", deadline, cancel, check=False
        )
        if "Success" in answer.text:
            return []
        return [f"compile: {printable(answer.text + answer.error_text, 80) or 'no answer'}"]


def _rows(listing: str) -> dict[str, str]:
    """``settings list``: a line ``key=value`` for each row that was ever set."""
    return dict(line.partition("=")[::2] for line in listing.splitlines() if "=" in line)
