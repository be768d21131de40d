"""What was changed on a phone, kept in two places, so that it is put back whatever happens.

On the phone lie ``restore.sh`` and a guard. The guard is a process of its own that runs the script
when nobody has said for a while that the run goes on: the cable was pulled, or this host died. On
this host lies a copy, for a phone that restarted meanwhile: ``benchfarm doctor --restore`` and the
next run read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from device_agents.android.phone import Phone
from device_agents.android.shell import ShellStream, quote
from device_agents.android.store import HOME
from harness.clock import CancelToken, Deadline
from harness.errors import DeviceError

#: The guard acts when the run was silent for so long, and looks so often.
SILENCE_S = 90
_LOOK_EVERY_S = 5
_SAY_EVERY_S = 10

_RESTORE, _GUARD, _ALIVE, _DONE = (
    f"{HOME}/{name}" for name in ("restore.sh", "guard.sh", "alive", "restored")
)


def undo_folder() -> Path:
    """Where this host keeps what it has to put back: beside the model cache of the user."""
    cache = os.environ.get("BENCHFARM_CACHE") or Path.home() / ".cache" / "benchfarm"
    return Path(cache) / "android-undo"


class UndoLog:
    """The undo commands of one phone.

    ``silence_s`` is how long the guard waits.
    """

    def __init__(self, phone: Phone, folder: Path, silence_s: int = SILENCE_S) -> None:
        self._phone, self._silence_s = phone, silence_s
        name = hashlib.sha256(phone.device_id.encode(errors="surrogatepass")).hexdigest()[:16]
        self._file = folder / f"{name}.json"
        self._pulse: ShellStream | None = None
        self._saved_here = False

    def save(self, commands: Sequence[str], deadline: Deadline, cancel: CancelToken) -> None:
        """Keep ``commands`` here and there, and start the guard; to be called before any change."""
        token = secrets.token_hex(8)
        text = json.dumps({"device": self._phone.device_id, "token": token, "undo": [*commands]})
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(text, encoding="utf-8")
            part.replace(self._file)
        except OSError as error:
            raise DeviceError(
                self._phone.device_id,
                f"cannot keep its settings in {self._file.parent}: {error.strerror or error}; "
                "set BENCHFARM_CACHE to a folder you can write",
            ) from error
        last = (f"echo {token} >{_DONE}", f"rm -f {_RESTORE} {_ALIVE}", "")
        script = "\n".join([f"# {token}", *commands, *last])
        self._saved_here = True
        self._phone.run(
            f"mkdir -p {HOME}; rm -f {_DONE}; echo {quote(script)} >{_RESTORE}; "
            f"echo {quote(self._guard(token))} >{_GUARD}; {self._alive()}; "
            f"setsid nohup sh {_GUARD} </dev/null >/dev/null 2>&1 &",
            deadline,
            cancel,
        )
        self.keep_alive(deadline, cancel)

    def keep_alive(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Have the phone told that the run goes on, as long as our link to it stands."""
        if self._pulse is not None and self._pulse.waiting():
            self.link_lost()  # it never prints: what can be read is its end
        if self._pulse is None:
            beat = f"while {self._alive()}; do sleep {_SAY_EVERY_S}; done"
            self._pulse = self._phone.start(beat, deadline, cancel)

    def renew(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Keep the same commands anew: the guard may have acted, and is over then."""
        kept = self._kept()
        if kept is not None:
            self.save(kept[1], deadline, cancel)

    def hold(self, seconds: float, deadline: Deadline, cancel: CancelToken) -> None:
        """Have the guard wait ``seconds`` longer for a phone that is left alone on purpose."""
        self.link_lost()
        if self.pending:
            silence_s = self._silence_s + round(seconds)
            self._phone.run(self._alive(silence_s), deadline, cancel, check=False)

    def link_lost(self) -> None:
        """The stream of :meth:`keep_alive` is gone; the next call opens another."""
        if self._pulse is not None:
            self._pulse.close()
            self._pulse = None

    def restore(self, deadline: Deadline, cancel: CancelToken) -> list[str]:
        """Put everything back; what could not be.

        What an earlier process left is skipped where the phone has put it back by itself.
        """
        kept = self._kept()
        if kept is None:
            return []
        token, commands = kept
        done = self._phone.run(f"cat {_DONE}", deadline, cancel, check=False).text.strip()
        failed = []
        if (self._saved_here or done != token) and commands:
            script = "\n".join(f"{command} || echo @@{n}" for n, command in enumerate(commands))
            said = self._phone.run(script, deadline, cancel, check=False).text.split()
            failed = [command for n, command in enumerate(commands) if f"@@{n}" in said]
        self._phone.run(
            f"rm -f {_RESTORE} {_ALIVE} {_DONE} {_GUARD}", deadline, cancel, check=False
        )
        self.link_lost()
        self._saved_here = False
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
        return failed

    @property
    def pending(self) -> bool:
        """Whether something is still to be put back."""
        return self._kept() is not None

    def _kept(self) -> tuple[str, list[str]] | None:
        try:
            read = json.loads(self._file.read_text(encoding="utf-8"))
            return str(read["token"]), [str(command) for command in read["undo"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _alive(self, silence_s: int | None = None) -> str:
        """The command that tells the guard until when to wait, in seconds of the phone's uptime."""
        silence_s = self._silence_s if silence_s is None else silence_s
        until = f"read u r </proc/uptime && echo $((${{u%.*}}+{silence_s}))"
        return f"{until} >{_ALIVE}.new && mv {_ALIVE}.new {_ALIVE}"  # never read half-written

    def _guard(self, token: str) -> str:
        """The guard's script; it is over as soon as it is another run's settings that lie there."""
        look = max(1, min(_LOOK_EVERY_S, self._silence_s // 2))
        return "\n".join(
            (
                f"while sleep {look} && [ -f {_RESTORE} ]; do",
                f'  read -r hash whose <{_RESTORE} && [ "$whose" = {token} ] || exit',
                f"  read until <{_ALIVE} || until=0",
                "  read now rest </proc/uptime",
                "  if [ ${now%.*} -gt $until ]; then",
                f"    sh {_RESTORE}",
                "    exit",
                "  fi",
                "done",
                "",
            )
        )
