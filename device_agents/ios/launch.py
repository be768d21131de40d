"""The runner app as a process, and the way to it: a port of the phone, reached through usbmux.

Started by us, it takes port and token from its environment. Opened by hand, it listens on a fixed
port and takes the token from a file in its Documents, which it deletes.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass

from device_agents.ios.developer import Developer
from device_agents.ios.ending import explain
from device_agents.ios.errors import names_of
from device_agents.ios.parse.reports import Death
from device_agents.ios.parse.values import TUNNELS, TunnelKind
from device_agents.ios.phone import Connections, Phone
from device_agents.ios.store import TOKEN_FILE, PhoneStore
from device_agents.local.socket_link import SocketLink
from harness.clock import CancelToken, Deadline
from harness.device import RunnerExit
from harness.errors import (
    Cancelled,
    CapabilityMissing,
    DeviceError,
    DeviceUnavailable,
    HarnessError,
    RunnerDied,
)
from harness.wire.codec import encode
from harness.wire.messages import Bye

#: Where the app listens when it is opened by hand.
PORT = 27182
_FIRST_PORT, _PORTS = 20_000, 40_000
_TRY_EVERY_S = 0.02
_LOOK_EVERY_S = 0.25
_KILL_TIMEOUT_S = 10.0
_EXPLAIN_S = 10.0
#: Asking whether it lives or listens takes its time (a new tunnel), however little is left.
_ALIVE_S = 3.0
_LEFT_S = 30.0
#: A port that refuses for so long while the process lives is not the app's own slowness.
_APPEARS_S = 20.0
_BYE = encode(Bye())
OPEN_IT = "open the app benchfarm on the phone"


class _Link(SocketLink):
    """Knows whether we said goodbye: an end after that needs no explanation."""

    said_bye = False

    def send(self, data: bytes, deadline: Deadline, cancel: CancelToken) -> None:
        """Send all of ``data``."""
        super().send(data, deadline, cancel)
        self.said_bye = self.said_bye or data.endswith(_BYE)


@dataclass(slots=True)
class Way:
    """How a process is started, asked about and ended by developer services."""

    developer: Developer
    tunnel: TunnelKind


class IosRunner:
    """A runner process on an iPhone; implements :class:`harness.device.Runner`.

    ``way`` is None for an app that a person opens.
    """

    def __init__(self, phone: Phone, way: Way | None) -> None:
        self.token = secrets.token_hex(16)
        self.port = PORT if way is None else _FIRST_PORT + secrets.randbelow(_PORTS)
        self.spawned_at_ns = phone.clock.monotonic_ns()
        self.pid: int | None = None
        self._phone, self._way = phone, way
        self._taken = way is not None
        self._ended: RunnerExit | None = None
        self._killed = False
        self._link: _Link | None = None

    def start(self, store: PhoneStore, deadline: Deadline, cancel: CancelToken) -> None:
        """Start the app, or leave the token for whoever opens it."""
        if self._way is None:
            store.write(TOKEN_FILE, self.token.encode(), deadline, cancel)
            return
        way, environment = (
            self._way,
            {"BENCHFARM_TOKEN": self.token, "BENCHFARM_PORT": str(self.port)},
        )

        async def launch(_: Connections) -> int:
            return await way.developer.launch(way.tunnel, environment)

        self.pid = self._phone.call("start the runner app", launch, deadline, cancel)

    def connect(self, deadline: Deadline, cancel: CancelToken) -> SocketLink:
        """Open the link, or open it again; waits for an app that is just starting."""
        appears = Deadline(self._phone.clock, min(_APPEARS_S, deadline.remaining_s))
        self._await_taking(deadline, cancel)
        while True:
            call = Deadline(self._phone.clock, max(deadline.remaining_s, _ALIVE_S))
            self._link = self._open_link(call, cancel)
            if self._link is not None:
                return self._link
            if self._way is not None and self._is_alive(cancel) is False:
                raise self._death()
            if deadline.expired or appears.expired:
                raise self._unreachable()
            self._phone.clock.sleep(_TRY_EVERY_S, cancel)

    def left_results(self, deadline: Deadline, cancel: CancelToken) -> bytes:
        """What the app keeps in its Documents while no host listens."""
        return PhoneStore(self._phone).results(self.token, deadline, cancel)

    def log_text(self) -> str:
        """Why it ended, if that is known: iOS keeps no log of an app for us."""
        return self._ended.log_tail if self._ended else ""

    def kill(self) -> None:
        """End the process now; the next launch ends what could not be ended here."""
        if self._killed or self._ended is not None or self._way is None or self.pid is None:
            return
        way, pid = self._way, self.pid

        async def end(_: Connections) -> None:
            await way.developer.kill(way.tunnel, pid)

        deadline = Deadline(self._phone.clock, _KILL_TIMEOUT_S)
        with suppress(HarnessError):
            self._phone.call_once("end the runner app", end, deadline, CancelToken())
            self._killed = True

    def wait(self, deadline: Deadline, cancel: CancelToken) -> RunnerExit | None:
        """How it ended; None if it still runs at the deadline, or nobody can tell."""
        while self._ended is None and self._way is not None:
            alive = self._is_alive(cancel)
            if alive is False:
                self._explain()
                break
            if alive is None or deadline.expired:
                return None
            self._phone.clock.sleep(min(_TRY_EVERY_S, deadline.remaining_s), cancel)
        return self._ended

    def way(self) -> str:
        """What another process of this host needs to find it again; see :meth:`found`."""
        tunnel = self._way.tunnel if self._way is not None else None
        known = {"token": self.token, "port": self.port, "pid": self.pid, "tunnel": tunnel}
        return json.dumps(known)

    @classmethod
    def found(
        cls, phone: Phone, developer: Developer, way: str, cancel: CancelToken
    ) -> IosRunner | None:
        """The runner that :meth:`way` described; None when it is gone and has left no results."""
        try:
            known = json.loads(way)
            token, port, pid = str(known["token"]), int(known["port"]), known["pid"]
            tunnel = TUNNELS.get(str(known["tunnel"]))
        except (ValueError, KeyError, TypeError):
            return None
        runner = cls(phone, Way(developer, tunnel) if tunnel is not None else None)
        runner.token, runner.port, runner.pid = token, port, pid
        runner._taken = True
        runs = runner._is_alive(cancel)
        there = runs or (runs is None and runner._listens(cancel))
        if there or PhoneStore(phone).has_results(token, Deadline(phone.clock, _LEFT_S), cancel):
            return runner
        return None

    # --- inside -----------------------------------------------------------------------------

    def _open_link(self, deadline: Deadline, cancel: CancelToken) -> _Link | None:
        """A link; None where nobody listens."""

        async def connect(connections: Connections) -> _Link | None:
            try:
                socket = await connections.app_port(self.port)
            except Exception as error:
                if names_of(error)[0] != "ConnectionFailedError":
                    raise
                return None
            return _Link(self._phone.device_id, socket)

        return self._phone.call("reach the runner app", connect, deadline, cancel)

    def _await_taking(self, deadline: Deadline, cancel: CancelToken) -> None:
        """Wait until the app that a person opens has taken its token."""

        async def is_taken(connections: Connections) -> bool:
            return not await (await connections.documents()).exists(TOKEN_FILE)

        while not self._taken:
            call = Deadline(self._phone.clock, max(deadline.remaining_s, _ALIVE_S))
            self._taken = self._phone.call("look for the token", is_taken, call, cancel)
            if deadline.expired and not self._taken:
                raise DeviceUnavailable(self._phone.device_id, f"nobody opened it: {OPEN_IT}")
            if not self._taken:
                self._phone.clock.sleep(_LOOK_EVERY_S, cancel)

    def _is_alive(self, cancel: CancelToken) -> bool | None:
        """Whether it runs; None where nobody can tell."""
        if self._way is None:
            return None
        way = self._way

        async def find(_: Connections) -> int:
            return await way.developer.running(way.tunnel)

        deadline = Deadline(self._phone.clock, _ALIVE_S)
        try:
            return self._phone.call_once("look for the app", find, deadline, cancel) == self.pid
        except Cancelled:
            raise
        except CapabilityMissing:  # as after a restart, which takes the developer image
            return None if self._listens(cancel) else False
        except HarnessError:
            return None

    def _listens(self, cancel: CancelToken) -> bool:
        """Whether its port takes connections."""

        async def look(connections: Connections) -> bool:
            try:
                (await connections.app_port(self.port)).close()
            except Exception as error:
                if names_of(error)[0] != "ConnectionFailedError":
                    raise
                return False
            return True

        deadline = Deadline(self._phone.clock, _ALIVE_S)
        try:
            return self._phone.call_once("reach the runner app", look, deadline, cancel)
        except DeviceError:
            return True

    def _unreachable(self) -> DeviceError:
        if self._way is None:
            return DeviceUnavailable(self._phone.device_id, f"it is not open: {OPEN_IT}")
        return DeviceUnavailable(
            self._phone.device_id, f"the runner app runs, and yet its port {self.port} refuses"
        )

    def _death(self) -> RunnerDied:
        if self._ended is None:
            self._explain()
        return (self._ended or RunnerExit(None, None, "")).error(self._phone.device_id)

    def _explain(self) -> None:
        """Find out why it ended, once."""
        death = Death("it never started")
        if self._link is not None and self._link.said_bye:
            death = Death("it ended as it was asked to", returncode=0)
        elif self._killed:
            death = Death("ended by us", "SIGKILL")
        elif self.pid is not None:
            deadline = Deadline(self._phone.clock, _EXPLAIN_S)
            death = explain(self._phone, self.pid, deadline, CancelToken())
        code = death.returncode
        if code is None and death.signal_name is None:
            code = 0  # no report: it ended by itself, or by hand
        self._ended = RunnerExit(code, death.signal_name, f"the phone says: {death.why}")


def start_runner(
    phone: Phone, store: PhoneStore, way: Way | None, deadline: Deadline, cancel: CancelToken
) -> IosRunner:
    """Start a fresh runner process, or ask a person for one; it listens soon after."""
    runner = IosRunner(phone, way)
    try:
        runner.start(store, deadline, cancel)
    except BaseException:
        runner.kill()
        raise
    return runner
