"""The host's session against real runners: it survives links, and tells what became of them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clock import CancelToken, SystemClock
from harness.conductor.arrays import outputs_of, samples_of
from harness.conductor.session import RunnerSession
from harness.errors import BackendRejected, DeviceTimeout, RunnerDied, WireError, WireMismatch
from harness.wire import messages as m

MS = 1_000_000
GO = CancelToken()


@pytest.fixture
def session(bench):
    made = RunnerSession("local", bench.start(), SystemClock())
    yield made
    made.close()


@pytest.fixture
def loaded(session, bench, deadline):
    session.open(deadline(20), GO)
    return session.load(bench.load_message(), deadline(20), GO)


def receive_all(session, deadline):
    """Every packet up to done, each acknowledged."""
    packets = []
    while not packets or not isinstance(packets[-1].message, m.Done):
        packet = session.receive(deadline(20), GO)
        assert packet is not None
        session.send(m.Ack(packet.message.seq), deadline(20), GO)
        packets.append(packet)
    return packets


@pytest.mark.usefixtures("loaded")
def test_run_append_and_samples(session, bench, x, deadline):
    session.send(m.Run((bench.push(x.tobytes()),), (m.Block(0, 7),)), deadline(20), GO)
    packet = session.receive(deadline(20), GO)
    columns = samples_of(packet)
    assert list(columns) == list(m.SAMPLE_COLUMNS)
    assert {column.dtype for column in columns.values()} == {np.dtype(np.int64)}
    assert {len(column) for column in columns.values()} == {7}
    session.send(m.Append((m.Block(1, 1),), final=True), deadline(20), GO)
    assert [type(p.message) for p in receive_all(session, deadline)] == [m.BlockDone, m.Done]


def test_a_cold_start_in_one_message(session, bench, x, deadline):
    run = m.Run((bench.push(x.tobytes()),), (m.Block(0, 1),), final=True)
    ready, loaded = session.open_load_run(bench.load_message(), run, deadline(20), GO)
    assert ready.session
    assert loaded.inputs[0].name == "x"
    block, _ = receive_all(session, deadline)
    assert block.message.process_start_ns > 0


def test_infer(session, bench, loaded, offset, deadline):
    data = np.arange(12, dtype=np.float32).reshape(3, 1, 4)
    message = m.Infer((bench.push(data.tobytes()),), 0, 3)
    results = [outputs_of(packet, loaded) for packet in session.infer(message, deadline(20), GO)]
    np.testing.assert_array_equal(np.stack([result for (result,) in results]), data + offset)
    assert len(list(session.infer(message, deadline(20), GO))) == 3


@pytest.mark.usefixtures("loaded")
def test_pings_idle_and_while_a_program_runs(session, bench, x, deadline):
    idle = session.ping(deadline(20), GO)
    assert abs(idle.offset_ns) <= idle.round_trip_ns  # one clock on one machine
    blocks = tuple(m.Block(seq, 1000, interval_ns=MS // 20) for seq in range(20))
    session.send(m.Run((bench.push(x.tobytes()),), blocks, final=True), deadline(20), GO)
    offsets = [session.ping(deadline(20), GO) for _ in range(4)]
    for offset in offsets:
        assert abs(offset.offset_ns) <= offset.round_trip_ns
    # A block takes 50 ms: the second ping of a pair does not wait for one.
    assert min(offset.round_trip_ns for offset in offsets) < 20 * MS
    seqs = [packet.message.block for packet in receive_all(session, deadline)[:-1]]
    assert seqs == list(range(20))


def test_a_refusal_is_an_exception_with_the_engines_words(session, bench, deadline):
    session.open(deadline(20), GO)
    with pytest.raises(BackendRejected, match=r"local: delegate-rejected: .*nnapi") as caught:
        session.load(bench.load_message(delegate="nnapi"), deadline(20), GO)
    assert caught.value.code == "delegate-rejected"
    session.load(bench.load_message(), deadline(20), GO)  # the session goes on


def test_a_refused_run(session, loaded, deadline):
    assert loaded.inputs
    session.send(m.Run((), (m.Block(0, 1),)), deadline(20), GO)
    with pytest.raises(BackendRejected, match="input-rejected"):
        session.receive(deadline(20), GO)


def test_another_version(session, monkeypatch, deadline):
    monkeypatch.setattr("harness.wire.messages.WIRE_VERSION", 99)
    with pytest.raises(WireMismatch, match="speaks wire version 1, this host speaks 99"):
        session.open(deadline(20), GO)


def test_a_wrong_token(bench, deadline):
    runner = bench.start()
    runner.token = "stolen"
    session = RunnerSession("local", runner, SystemClock())
    with pytest.raises(BackendRejected, match="bad-token"):
        session.open(deadline(20), GO)
    session.close()


def test_what_cannot_be_sent(session, loaded, deadline):
    assert loaded.outputs
    with pytest.raises(WireError, match="cannot send that: out-of-range"):
        session.send(m.Ack(2**63), deadline(20), GO)


def test_calls_before_open(session, deadline):
    with pytest.raises(WireError, match="never opened"):
        session.receive(deadline(0), GO)


def test_an_answer_that_never_comes(session, loaded, deadline):
    assert loaded.seq
    assert session.receive(deadline(0.01), GO) is None
    with pytest.raises(DeviceTimeout, match=r"did not answer within 0\.01 s"):
        session._await(m.Loaded, deadline(0.01), GO)


# --- links that drop ------------------------------------------------------------------------


class Brittle:
    """A link that breaks after so many bytes came or went; later ones hold longer."""

    def __init__(self, link, receives, sends):
        self._link, self._receives, self._sends = link, receives, sends

    def send(self, data, deadline, cancel):
        self._sends -= 1
        if self._sends >= 0:
            self._link.send(data, deadline, cancel)  # else the cable is out, and nobody noticed yet

    def receive(self, limit, deadline, cancel):
        if self._receives <= 0 or self._sends < 0:
            self._link.close()
            return b""
        data = self._link.receive(min(limit, self._receives), deadline, cancel)
        self._receives -= len(data or b"")
        return data

    def close(self):
        self._link.close()


class Rope:
    """A runner whose links break."""

    def __init__(self, runner, plan):
        self._runner, self._plan = runner, list(plan)
        self.connected = 0
        for name in ("token", "spawned_at_ns", "log_text", "kill", "wait"):
            setattr(self, name, getattr(runner, name))

    def connect(self, deadline, cancel):
        self.connected += 1
        link = self._runner.connect(deadline, cancel)
        return Brittle(link, *self._plan.pop(0)) if self._plan else link


@pytest.mark.parametrize("receives", [700, 2999])
@pytest.mark.parametrize("sends", [3, 1000])
def test_links_that_break_anywhere(tcp, x, deadline, receives, sends):
    """A conversation of 15 appended blocks over up to eight brittle links."""
    rope = Rope(tcp.start(), [(10**9, 10**9)] + [(receives + 100 * i, sends) for i in range(7)])
    session = RunnerSession("local", rope, SystemClock())
    session.open(deadline(20), GO)
    session._channel.close()
    loaded = session.load(tcp.load_message(), deadline(20), GO)
    assert loaded.seq == 1
    session.send(m.Run((tcp.push(x.tobytes()),), (m.Block(0, 3),)), deadline(20), GO)
    blocks = []
    for seq in range(1, 16):
        packet = session.receive(deadline(30), GO)
        blocks.append(packet.message)
        assert len(samples_of(packet)["start_ns"]) == 3
        session.send(m.Append((m.Block(seq, 3),), final=seq == 15), deadline(20), GO)
        session.send(m.Ack(packet.message.seq), deadline(20), GO)
        if seq % 5 == 0:
            assert session.ping(deadline(30), GO).round_trip_ns > 0
    blocks += [packet.message for packet in receive_all(session, deadline)[:-1]]
    assert [block.block for block in blocks] == list(range(16))
    assert [block.seq for block in blocks] == list(range(2, 18))
    assert rope.connected > 1
    session.close()


# --- left alone -----------------------------------------------------------------------------


@pytest.fixture
def left(tcp, x, deadline):
    """A session that was left with a program of two pauses, its id, and what it had received."""
    session = RunnerSession("local", tcp.start(), SystemClock())
    session.open(deadline(20), GO)
    session.load(tcp.load_message(), deadline(20), GO)
    session.send(m.TelemetryRequest(20 * MS), deadline(20), GO)
    blocks = (m.Block(1, 2, pause_ns=200 * MS), m.Block(2, 1, pause_ns=200 * MS, timed=False))
    run = m.Run((tcp.push(x.tobytes()),), blocks, final=True)
    session.send(run, deadline(20), GO)
    session.ping(deadline(20), GO)
    return session, session.leave()


def all_of(session, deadline):
    """Everything up to the end of the program, nothing of it acknowledged."""
    messages = []
    while not messages or not isinstance(messages[-1], m.Done):
        packet = session.receive(deadline(20), GO)
        assert packet is not None
        messages.append(packet.message)
    return messages


def check_whole(messages):
    blocks = [one for one in messages if isinstance(one, m.BlockDone)]
    traces = [one for one in messages if isinstance(one, m.Trace)]
    assert [(one.block, one.count) for one in blocks] == [(1, 2), (2, 1)]
    assert blocks[1].started_ns - blocks[0].ended_ns >= 200 * MS
    idle = [one for one in traces if blocks[0].ended_ns < one.at_ns < blocks[1].started_ns]
    assert len(idle) >= 3  # the runner reads on while it pauses


def test_a_runner_that_is_left_alone_works_on(left, deadline):
    session, _ = left
    session.close()  # does nothing while it is left
    session.come_back(GO)
    check_whole(all_of(session, deadline))
    session.close()


def test_another_process_goes_on_with_the_session(left, tcp, deadline):
    _, name = left
    other = RunnerSession("local", tcp.runners[-1], SystemClock())
    ready, loaded = other.adopt(name, deadline(20), GO)
    assert ready.session == name
    assert loaded.inputs[0].name == "x"
    check_whole(all_of(other, deadline))
    other.send(m.Unload(), deadline(20), GO)  # commands are counted on from there
    assert other.load(tcp.load_message(), deadline(20), GO).seq > loaded.seq
    other.close()


def test_a_runner_that_dies_while_it_is_left(left, tcp, deadline):
    """Its end is told, by those that leave results once these were received."""
    session, _ = left
    tcp.runners[-1].kill()
    with pytest.raises(RunnerDied):
        all_of_what_is_left(session, deadline)


def all_of_what_is_left(session, deadline):
    session.come_back(GO)
    while session.receive(deadline(20), GO):
        pass


def test_a_session_that_the_runner_does_not_know(left, tcp, deadline):
    other = RunnerSession("local", tcp.runners[-1], SystemClock())
    with pytest.raises(BackendRejected, match="no-session"):
        other.adopt("another", deadline(20), GO)
    other.close()
