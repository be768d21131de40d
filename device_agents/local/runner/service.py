"""The runner's state machine: no model, a model, a program. One thread does everything.

Commands are carried out strictly in the order they came. While a program runs, the inbox, the link
and the spool are looked at only between blocks; then ``append``, ``cancel``, ``ack``, ``ping``,
``telemetry`` and ``bye`` are welcome, everything else is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from device_agents.local.runner.affinity import Affinity
from device_agents.local.runner.door import Door
from device_agents.local.runner.engines import Engine, Model, open_engine
from device_agents.local.runner.files import Store, settle_page_cache
from device_agents.local.runner.libraries import mapped_libraries
from device_agents.local.runner.lifeline import Lifeline
from device_agents.local.runner.memory import OwnMemory
from device_agents.local.runner.refusal import Refused, refusal_of
from device_agents.local.runner.spool import Spool
from harness.wire import messages as m
from harness.wire.codec import WireFormatError, encode

if TYPE_CHECKING:
    from device_agents.local.runner.program import Program

#: A link that is being drained may hold the runner up so long between two blocks.
GAP_NS = 50_000_000
#: A link that takes nothing for so long gets the rest later.
_STUCK_MS = 5.0
#: How often an idle runner looks whether its parent lives.
_IDLE_NS = 1_000_000_000
_NS_PER_MS = 1_000_000

_now = time.perf_counter_ns


class Service:
    """Serves one session from ``hello`` to ``bye``."""

    def __init__(
        self,
        door: Door,
        spool: Spool,
        store: Store,
        lifeline: Lifeline,
        process_start_ns: int,
        engines: Callable[[str], Engine] = open_engine,
    ) -> None:
        self._door, self._spool, self._store, self._lifeline = door, spool, store, lifeline
        self._open_engine = engines
        self._process_start_ns = process_start_ns
        self._model: Model | None = None
        self._memory = OwnMemory()
        self._affinity = Affinity()
        self._trace_interval_ns = self._trace_due_ns = 0
        self.leaving = False  #: the host said bye

    def serve(self) -> None:
        """Carry out commands until the host says bye, or can never come back."""
        while not self._over:
            self.attend(_IDLE_NS)
            while self._door.inbox:
                self._take(self._door.inbox.popleft())

    @property
    def _over(self) -> bool:
        return self.gone or (self.leaving and self._spool.empty)

    @property
    def gone(self) -> bool:
        """Whether nobody can ever listen again."""
        return self._door.locked or self._lifeline.cut

    @property
    def crowded(self) -> bool:
        """Whether the host lags behind."""
        return self._spool.crowded

    def process_start_once(self) -> int:
        """When the process started, the first time it is asked for; 0 later."""
        start_ns, self._process_start_ns = self._process_start_ns, 0
        return start_ns

    # --- the link ---------------------------------------------------------------------------

    def attend(self, wait_ns: int) -> None:
        """Wait for a command, at most ``wait_ns``, while the link is served."""
        until_ns = _now() + wait_ns
        while not self._door.inbox and not self.gone:
            self._trace_if_due()
            left_ns = until_ns - _now()
            if left_ns <= 0:
                return
            if self._trace_interval_ns:
                left_ns = min(left_ns, max(0, self._trace_due_ns - _now()))
            self._door.poll(left_ns / _NS_PER_MS)

    def exchange(self, until_ns: int) -> None:
        """Between two blocks: take in what has come, send what fits until ``until_ns``."""
        self._trace_if_due()
        self._door.poll(0)
        until_ns = min(until_ns, _now() + GAP_NS)
        while self._door.sending and _now() < until_ns:
            if not self._door.poll(_STUCK_MS):
                return

    def post(self, make: Callable[[int], m.Message], frames: tuple[bytes, ...] = ()) -> bool:
        """Spool the message that ``make`` builds for its sequence number; False when it is full."""
        try:
            data = encode(make(self._spool.last_seq + 1), frames)
        except WireFormatError as fault:
            raise Refused(
                "inference-failed", f"the result does not fit the wire: {fault}"
            ) from None
        return self._spool.put(data)

    def refuse(self, refused: Refused) -> None:
        """Tell the host why a command was not carried out."""
        self.post(lambda seq: m.Error(refused.code, refused.text, seq=seq))

    def _trace_if_due(self) -> None:
        if not self._trace_interval_ns or _now() < self._trace_due_ns:
            return
        readings = self._memory.read()
        at_ns = _now()
        self._trace_due_ns = at_ns + self._trace_interval_ns
        if readings:
            channels, values = tuple(readings), tuple(readings.values())
            self.post(lambda seq: m.Trace(seq, at_ns, channels, values))

    # --- commands ---------------------------------------------------------------------------

    def _take(self, message: m.Message) -> None:
        try:
            if not self.take_anytime(message):
                self._carry_out(message)
        except Refused as refused:
            self.refuse(refused)

    def take_anytime(self, message: m.Message) -> bool:
        """Carry out what is allowed in every state; False for anything else."""
        match message:
            case m.Ping(host_ns=host_ns):
                self._door.answer(m.Pong(host_ns, _now()))
            case m.Ack(seq=seq):
                self._spool.forget(seq)
            case m.TelemetryRequest(interval_ns=interval_ns):
                self._trace_interval_ns = max(0, interval_ns)
                self._trace_due_ns = _now()
            case m.Bye():
                self.leaving = True
            case _:
                return False
        return True

    def _carry_out(self, message: m.Message) -> None:
        match message:
            case m.LoadModel():
                self._load(message)
            case m.Unload():
                self._loaded_model()
                self._model = None
            case m.Run():
                self._run(message)
            case m.Infer():
                self._infer(message)
            case m.ProfileRequest():
                self._new_program().profile(message)
            case m.Cancel():
                pass  # the program it was meant for is over already
            case m.Append():
                raise Refused("bad-message", "append: no program is running")
            case _:
                raise Refused("bad-message", f"{type(message).__name__} is not expected now")

    def _loaded_model(self) -> Model:
        if self._model is None:
            raise Refused("bad-message", "no model is loaded")
        return self._model

    def _load(self, request: m.LoadModel) -> None:
        if self._model is not None:
            raise Refused("bad-message", "a model is loaded already; send unload first")
        path = self._store.path(request.model)
        cache_state = settle_page_cache(path, request.page_cache)
        request, held = self._affinity.apply(request)
        began_ns = _now()
        engine = self._open_engine(request.engine)
        imported_ns = _now()
        try:
            loaded = engine.load(path, request)
            read_ns = _now()
            model = loaded.prepare()
        except Exception as error:
            raise refusal_of(error, "model-rejected") from error
        prepared_ns = _now()
        self._model = model
        self.post(
            lambda seq: m.Loaded(
                import_ns=imported_ns - began_ns,
                load_ns=read_ns - imported_ns,
                prepare_ns=prepared_ns - read_ns,
                inputs=model.inputs,
                outputs=model.outputs,
                cache_state=cache_state,
                engine={**model.facts, **held},
                placement={**model.placement(), **mapped_libraries(request.delegate)},
                seq=seq,
            )
        )

    def _run(self, request: m.Run) -> None:
        self._new_program().run(request)

    def _infer(self, request: m.Infer) -> None:
        self._new_program().infer(request)

    def _new_program(self) -> Program:
        model = self._loaded_model()
        # Late, because it needs numpy, which costs start-up; the engine has imported it by now.
        from device_agents.local.runner.program import Program

        return Program(self, self._door.inbox, self._store, model)
