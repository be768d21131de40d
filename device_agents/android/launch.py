"""Starting the runner on a phone, and the way to it: an abstract socket, opened through adb."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from device_agents.android.ending import explain
from device_agents.android.packages import RunnerFile
from device_agents.android.parse.answers import start_problem
from device_agents.android.parse.exits import Death
from device_agents.android.phone import Phone
from device_agents.android.shell import quote
from device_agents.android.store import HOME, STORE
from device_agents.local.socket_link import SocketLink
from harness.clock import CancelToken, Deadline
from harness.device import RunnerExit
from harness.errors import Cancelled, DeviceError, DeviceUnavailable, HarnessError, RunnerDied
from harness.scenario import Start

_CODE = "org.benchfarm.runner.app"
SHELL_MAIN = f"{_CODE}.ShellMain"
_LOG_TAIL_LINES = 30
_TRY_EVERY_S = 0.02
#: A process that does not show itself in this time never started.
_APPEARS_S = 15.0
_KILL_TIMEOUT_S = 10.0
_EXPLAIN_S = 10.0
_BOOT_ID = "read b </proc/sys/kernel/random/boot_id && echo $b"


@dataclass(frozen=True, slots=True)
class StartPlan:
    """How to start: ``apk`` is the installed one; ``jar`` and ``libraries`` are for app_process."""

    start: Start
    apk: RunnerFile
    refresh_hz: float | None = None
    jar: str = ""
    libraries: str = ""


class AndroidRunner:
    """A runner process on a phone; implements :class:`harness.device.Runner`."""

    def __init__(self, phone: Phone, plan: StartPlan, token: str, socket: str) -> None:
        self.token = token
        self.spawned_at_ns = phone.clock.monotonic_ns()
        self.pid: int | None = None
        self._boot_id: str | None = None  #: of the phone, once it is left alone
        self._phone, self._plan, self._socket = phone, plan, socket
        self._ended: RunnerExit | None = None
        self._killed = False

    def start(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Have the phone start it; raises DeviceError with the phone's words if it will not."""
        command = _start_command(self._plan, self.token, self._socket)
        answer = self._phone.run(command, deadline, cancel, check=False)
        if self._plan.start == "app_process":
            self.pid = int(answer.text.strip()) if answer.text.strip().isdecimal() else None
        problem = start_problem(answer.text + answer.error_text)
        if problem is not None:
            raise DeviceError(
                self._phone.device_id, f"the phone does not start the runner: {problem}"
            )

    def connect(self, deadline: Deadline, cancel: CancelToken) -> SocketLink:
        """Open the link, or open it again; waits for a runner that is just starting."""
        appears = Deadline(self._phone.clock, min(_APPEARS_S, deadline.remaining_s))
        while True:
            refused = self._refusal_or_link(deadline, cancel)
            if isinstance(refused, SocketLink):
                return refused
            alive = self._is_alive(deadline, cancel)
            if alive is False or (alive is None and appears.expired):
                raise self._death()
            if deadline.expired:
                raise refused
            self._phone.clock.sleep(_TRY_EVERY_S, cancel)

    def find_pid(self, deadline: Deadline, cancel: CancelToken) -> int | None:
        """Its process on the phone, None as long as it is not seen."""
        if self.pid is None and self._plan.start != "app_process":
            name = quote(self._plan.apk.application_id)
            said = self._phone.run(f"pidof {name}", deadline, cancel, check=False).text.split()
            self.pid = int(said[0]) if said and said[0].isdecimal() else None
        return self.pid

    def log_text(self) -> str:
        """What this process wrote to the system's log, and why it ended if that is known."""
        deadline, cancel = Deadline(self._phone.clock, _KILL_TIMEOUT_S), CancelToken()
        try:
            self.find_pid(deadline, cancel)
            log = self._log(deadline, cancel)
        except DeviceError as error:
            log = f"log unavailable: {error}"
        ended = self._ended.log_tail.splitlines()[-1:] if self._ended else []
        return "\n".join([log.rstrip("\n"), *ended])

    def kill(self) -> None:
        """End the process now; a phone that is away ends it when it is prepared again."""
        if self._killed or self._ended is not None:
            return
        deadline = Deadline(self._phone.clock, _KILL_TIMEOUT_S)
        with suppress(HarnessError):
            self._phone.run(self._kill_command(), deadline, CancelToken(), check=False)
            self._killed = True

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        """How it ended; None if it still runs at the deadline, or nobody can tell."""
        while self._ended is None:
            try:
                if self._is_alive(deadline, cancel) is False:
                    self._explain()
                    break
            except Cancelled:
                raise
            except DeviceError:
                return None
            if deadline.expired:
                return None
            self._phone.clock.sleep(min(_TRY_EVERY_S, deadline.remaining_s), cancel)
        return self._ended

    def way(self, deadline: Deadline, cancel: CancelToken) -> str:
        """What another process of this host needs to find it again; see :meth:`found`."""
        self.find_pid(deadline, cancel)
        self._boot_id = boot_id(self._phone, deadline, cancel)
        known = {
            "package": self._plan.apk.application_id,
            "start": self._plan.start,
            "token": self.token,
            "socket": self._socket,
            "pid": self.pid,
            "boot": self._boot_id,
        }
        return json.dumps(known)

    @classmethod
    def found(
        cls, phone: Phone, way: str, deadline: Deadline, cancel: CancelToken
    ) -> AndroidRunner | None:
        """The runner that :meth:`way` described; None when it does not run any more."""
        try:
            known = json.loads(way)
            package, token, socket, boot = (
                str(known[key]) for key in ("package", "token", "socket", "boot")
            )
            pid, start = int(known["pid"]), next(s for s in get_args(Start) if s == known["start"])
        except (ValueError, KeyError, TypeError, StopIteration):
            return None
        if boot_id(phone, deadline, cancel) != boot:
            return None
        apk = RunnerFile(Path(), "", "", "", package, "")
        runner = cls(phone, StartPlan(start, apk), token, socket)
        runner.pid, runner._boot_id = pid, boot
        return runner if runner._is_alive(deadline, cancel) else None

    # --- inside -----------------------------------------------------------------------------

    def _refusal_or_link(
        self, deadline: Deadline, cancel: CancelToken
    ) -> SocketLink | DeviceUnavailable:
        service = f"localabstract:{self._socket}"
        try:
            stream = self._phone.open(service, deadline, cancel)
        except DeviceUnavailable as error:
            return error
        return SocketLink(self._phone.device_id, stream.socket)

    def _is_alive(self, deadline: Deadline, cancel: CancelToken) -> bool | None:
        """Whether it runs; None before it was ever seen."""
        if self.pid is None:
            return None if self.find_pid(deadline, cancel) is None else True
        check = f"[ -d /proc/{self.pid} ]"
        return self._phone.run(check, deadline, cancel, check=False).returncode == 0

    def _death(self) -> RunnerDied:
        if self._ended is None:
            self._explain()
        return (self._ended or RunnerExit(None, None, "")).error(self._phone.device_id)

    def _explain(self) -> None:
        """Ask the phone why it ended, once."""
        deadline, cancel = Deadline(self._phone.clock, _EXPLAIN_S), CancelToken()
        death, log = Death("it never started"), ""
        if self._boot_id is not None and self._has_restarted(deadline, cancel):
            death = Death("the phone restarted while it was left alone")
        elif self.pid is not None:
            package = self._plan.apk.application_id
            death = explain(self._phone, package, self.pid, deadline, cancel)
            with suppress(DeviceError):
                log = self._log(deadline, cancel)
        tail = [*log.splitlines()[-_LOG_TAIL_LINES:], f"the phone says: {death.why}"]
        code = death.returncode if death.signal_name is None else None
        self._ended = RunnerExit(code, death.signal_name, "\n".join(tail))

    def _has_restarted(self, deadline: Deadline, cancel: CancelToken) -> bool:
        with suppress(DeviceError):
            return boot_id(self._phone, deadline, cancel) != self._boot_id
        return False

    def _log(self, deadline: Deadline, cancel: CancelToken) -> str:
        own = ""
        if self._plan.start == "app_process":
            command = f"cat {HOME}/runner.log"
            own = self._phone.run(command, deadline, cancel, check=False).text
        if self.pid is None:
            return own or "log unavailable: the process was never seen"
        command = f"logcat -d -v threadtime --pid={self.pid}"
        return own + self._phone.run(command, deadline, cancel, check=False).text

    def _kill_command(self) -> str:
        if self._plan.start == "app_process":
            return f"kill -9 {self.pid}" if self.pid is not None else "true"
        return f"am force-stop {quote(self._plan.apk.application_id)}"


def start_runner(
    phone: Phone, plan: StartPlan, deadline: Deadline, cancel: CancelToken
) -> AndroidRunner:
    """Start a fresh runner process; it listens soon after."""
    name = f"benchfarm-{secrets.token_hex(6)}"
    runner = AndroidRunner(phone, plan, secrets.token_hex(16), name)
    try:
        runner.start(deadline, cancel)
    except BaseException:
        runner.kill()
        raise
    return runner


def boot_id(phone: Phone, deadline: Deadline, cancel: CancelToken) -> str:
    """Differs after each start of the phone."""
    return phone.run(_BOOT_ID, deadline, cancel, check=False).text.strip()


def _start_command(plan: StartPlan, token: str, socket: str) -> str:
    package = plan.apk.application_id
    if plan.start == "app_process":
        return (
            f"mkdir -p {HOME}/spool; BENCHFARM_TOKEN={token} CLASSPATH={plan.jar} "
            f"LD_LIBRARY_PATH={plan.libraries} setsid app_process "
            f"-Djava.library.path={plan.libraries} / {SHELL_MAIN} {socket} {STORE} "
            f"{HOME}/spool </dev/null >{HOME}/runner.log 2>&1 & echo $!"
        )
    extras = {"socket": socket, "token": token, "store": STORE}
    if plan.start == "instrumentation":
        given = " ".join(f"-e {key} {value}" for key, value in extras.items())
        return f"am instrument {given} {package}/{_CODE}.RunnerInstrumentation"
    given = " ".join(f"--es {key} {value}" for key, value in extras.items())
    hz = f" --ef refresh_hz {plan.refresh_hz:g}" if plan.refresh_hz is not None else ""
    return f"am start -S -n {package}/{_CODE}.RunnerActivity {given}{hz}"
