"""Who may talk to the runner: one host at a time, with the token, for one session."""

from __future__ import annotations

import hmac
import os
import select
import socket
import time
from collections import deque

from device_agents.local.runner.connection import Connection
from device_agents.local.runner.spool import Spool
from harness.wire.codec import Packet, encode
from harness.wire.messages import WIRE_VERSION, Ack, Error, Hello, Message, Ping, Ready, Scalar

#: Connections without a hello; the oldest makes room for the next.
_MAX_WAITING = 4
#: Time for a ``hello``, and for a refused host to hang up.
_PATIENCE_NS = 5_000_000_000


class Door:
    """Greets hosts and passes on what the attached one says.

    ``link`` is an inherited socket whose end ends the runner; ``listener`` one to accept from, on
    which the session's own host may come back.
    """

    def __init__(
        self,
        token: str,
        spool: Spool,
        facts: dict[str, Scalar],
        *,
        link: socket.socket | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        self._token, self._spool, self._facts = token, spool, facts
        self._listener = listener
        self._waiting: list[Connection] = []
        self._host: Connection | None = None
        self._session = ""
        self._next_seq = 1
        self._received = 0
        self.inbox: deque[Message] = deque()
        if link is not None:
            self._waiting.append(Connection(link, time.perf_counter_ns()))
        if listener is not None:
            listener.setblocking(False)

    @property
    def locked(self) -> bool:
        """Whether no host can ever come again."""
        return self._listener is None and self._host is None and not self._waiting

    @property
    def sending(self) -> bool:
        """Whether something waits for the link to take it."""
        host = self._host
        return host is not None and (host.sending or self._next_seq <= self._spool.last_seq)

    def answer(self, message: Message) -> None:
        """Send a message that is not spooled; without a host it is forgotten."""
        if self._host is not None:
            self._host.send(message)

    def poll(self, timeout_ms: float) -> bool:
        """Send what the link takes and take in what has come; wait at most ``timeout_ms``.

        Returns whether anything moved.
        """
        self._pump()
        self._tidy()
        poller = select.poll()
        if self._listener is not None:
            poller.register(self._listener, select.POLLIN)
        for connection in self._connections():
            wish = select.POLLIN | (select.POLLOUT if connection.sending else 0)
            poller.register(connection, wish)
        ready = {descriptor for descriptor, _ in poller.poll(timeout_ms)}
        for connection in self._connections():
            if connection.fileno() in ready:
                connection.flush()
            if not connection.closed and connection.fileno() in ready:
                self._take(connection, connection.read())
        if self._listener is not None and self._listener.fileno() in ready:
            self._accept()
        self._tidy()
        self._pump()
        return bool(ready)

    def _connections(self) -> list[Connection]:
        return [*self._waiting, *([self._host] if self._host else [])]

    def _pump(self) -> None:
        """Hand spooled messages to the link, one at a time, as long as it takes them."""
        host = self._host
        if host is None:
            return
        while not host.sending and not host.closed and not host.refused:
            data = self._spool.get(self._next_seq)
            if data is None:
                return
            self._next_seq += 1
            host.send_bytes(data)

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        if len(self._waiting) >= _MAX_WAITING:
            self._waiting.pop(0).close()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting.append(Connection(link, time.perf_counter_ns()))

    def _take(self, connection: Connection, packets: list[Packet]) -> None:
        if connection is not self._host:
            if not packets or connection.refused:
                return
            refusal = self._greet(connection, packets.pop(0).message)
            if refusal is not None:
                connection.refuse(refusal)
                return
        for packet in packets:
            self._received += not isinstance(packet.message, Hello | Ping | Ack)
            self.inbox.append(packet.message)

    def _greet(self, connection: Connection, hello: Message) -> Error | None:
        """Attach a host, or say why not."""
        if not isinstance(hello, Hello):
            return _fatal("bad-message", "the first message is hello")
        refusal = self._check_credentials(hello) or self._check_session(hello)
        if refusal is None:
            self._attach(connection, hello)
        return refusal

    def _check_credentials(self, hello: Hello) -> Error | None:
        if hello.version != WIRE_VERSION:
            return _fatal("bad-version", str(WIRE_VERSION))
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            return _fatal("bad-token", "this is not the token the runner was given")
        return None

    def _check_session(self, hello: Hello) -> Error | None:
        if hello.session and hello.session != self._session:
            return _fatal("no-session", "this runner has no such session")
        if self._session and not hello.session:
            return _fatal("busy", "this runner serves another host already")
        if not 0 <= hello.last_seq <= self._spool.last_seq:
            return _fatal("bad-message", f"last_seq {hello.last_seq} was never sent")
        return None

    def _attach(self, connection: Connection, hello: Hello) -> None:
        if self._host is not None:
            self._host.close()
        self._session = self._session or os.urandom(8).hex()
        self._waiting.remove(connection)
        self._host = connection
        self._spool.host_came()
        self._next_seq = self._spool.first_from(hello.last_seq + 1)
        connection.send(self._ready())

    def _ready(self) -> Ready:
        return Ready(self._session, self._facts, self._received)

    def _host_is_gone(self) -> None:
        self._host = None
        self._spool.host_went(encode(self._ready()))

    def _tidy(self) -> None:
        oldest_ns = time.perf_counter_ns() - _PATIENCE_NS
        for connection in self._waiting:
            if self._listener is not None and connection.opened_ns < oldest_ns:
                connection.close()
        self._waiting = [connection for connection in self._waiting if not connection.closed]
        if self._host is not None and self._host.closed:
            self._host_is_gone()
        elif self._host is not None and self._host.refused:
            self._waiting.append(self._host)
            self._host_is_gone()


def _fatal(code: str, text: str) -> Error:
    return Error(code, text, fatal=True)
