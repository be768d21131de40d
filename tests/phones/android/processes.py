"""A process that the phone shows, seen from the host."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from phones.android.userland import children

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_DEPTH = 6
#: From the process id to the process's own name.
_NAMED_MS = 1000


@dataclass
class Process:
    """``pid`` is what the phone calls it, ``host_pid`` what we do."""

    holder: asyncio.subprocess.Process
    host_pid: int
    pid: int

    @classmethod
    async def start(
        cls, command: list[str], environment: dict[str, str], descriptors: tuple[int, ...] = ()
    ) -> Process:
        """Start a command whose first line of output is its process id on the phone."""
        holder = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            pass_fds=descriptors,
            start_new_session=True,
        )
        if holder.stdout is None:
            raise RuntimeError("a runner's process has no output")
        line = await holder.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError(f"a runner's process did not start: {line.decode()!r}")
        process = cls(holder, children(holder.pid)[0], int(line))
        for _ in range(_NAMED_MS):
            if not process.command_line().startswith(b"bash"):
                break
            await asyncio.sleep(0.001)
        return process

    def command_line(self) -> bytes:
        """Its arguments, as ``ps`` shows them; nothing when it is over."""
        try:
            return Path(f"/proc/{self.host_pid}/cmdline").read_bytes()
        except OSError:
            return b""

    def signal(self, number: int) -> None:
        """Send a signal; nothing if it is over."""
        with suppress(ProcessLookupError):
            os.kill(self.host_pid, number)
        if number == signal.SIGCONT and self.holder.returncode is None:
            with suppress(ProcessLookupError):
                self.holder.send_signal(number)  # nsenter stops itself when its child is stopped

    def rank(self, score: int) -> None:
        """Set how early the system would end it: 0 is the process in front.

        Where this machine ranks everything higher and does not let us lower it, nothing happens.
        """
        with suppress(OSError):
            Path(f"/proc/{self.host_pid}/oom_score_adj").write_text(str(score))

    def cpu_s(self) -> float:
        """Processor time it has used, all threads."""
        try:
            words = Path(f"/proc/{self.host_pid}/stat").read_text().rpartition(")")[2]
        except OSError:
            return 0.0
        return sum(map(int, words.split()[11:13])) / _TICKS_PER_S


def find_ancestor(host_pid: int, pid: int) -> int | None:
    """The host's id of the ancestor of ``host_pid`` that the phone calls ``pid``."""
    for _ in range(_DEPTH):
        fields = _status(host_pid)
        if not fields:
            return None
        if fields.get("NSpid", "").split()[-1:] == [str(pid)]:
            return host_pid
        host_pid = int(fields["PPid"])
    return None


def _status(host_pid: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{host_pid}/status").read_text()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (n.partition(":") for n in text.splitlines())}


async def gone(host_pid: int) -> None:
    """Wait until a process that is not our child is over."""
    try:
        descriptor = os.pidfd_open(host_pid)
    except ProcessLookupError:
        return
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
