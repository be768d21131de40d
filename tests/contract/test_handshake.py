"""Who a runner talks to, and what it thinks of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clock import CancelToken
from harness.wire import messages as m
from harness.wire.codec import encode


def test_hello_is_answered_with_facts(bench):
    runner = bench.start()
    ready = bench.connect(runner).greet(runner.token)
    assert ready.session
    assert ready.received == 0
    if bench.kind.same_pid:
        assert ready.facts["pid"] == runner.pid
    assert {"runner", "version", "language", "clock"} <= set(ready.facts)


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_wrong_token(bench, token):
    wire = bench.connect(bench.start())
    wire.say(m.Hello(m.WIRE_VERSION, token), m.Bye())
    wire.refused("bad-token", fatal=True)


@pytest.mark.parametrize("version", [0, 2, -1])
def test_wrong_version_says_its_own(bench, version):
    runner = bench.start()
    wire = bench.connect(runner)
    wire.say(m.Hello(version, runner.token))
    assert wire.refused("bad-version", fatal=True) == str(m.WIRE_VERSION)


def test_unknown_session(bench):
    runner = bench.start()
    wire = bench.connect(runner)
    wire.say(m.Hello(m.WIRE_VERSION, runner.token, session="0123456789abcdef"))
    wire.refused("no-session", fatal=True)


def test_something_else_before_hello(bench):
    wire = bench.connect(bench.start())
    wire.say(m.Ping(1))
    wire.refused("bad-message", fatal=True)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, encode(m.Bye())[:-1] + b"!", bytes(100)],
    ids=["http", "ones", "json", "zeros"],
)
def test_garbage_before_hello(bench, data):
    wire = bench.connect(bench.start())
    wire.say_bytes(data)
    wire.refused("bad-message", fatal=True)


def test_garbage_after_hello(bench):
    _, wire = bench.greeted()
    wire.say_bytes(b"garbage")
    assert "unknown-kind" in wire.refused("bad-message", fatal=True)


def test_a_second_hello_is_refused(bench):
    runner, wire = bench.greeted()
    wire.say(m.Hello(m.WIRE_VERSION, runner.token))
    wire.refused("bad-message", fatal=False)


def test_a_stranger_does_not_disturb(tcp):
    runner, wire = tcp.greeted()
    for hello, code in (
        (m.Hello(m.WIRE_VERSION, "wrong"), "bad-token"),
        (m.Hello(m.WIRE_VERSION, runner.token), "busy"),
        (m.Ping(1), "bad-message"),
    ):
        stranger = tcp.connect(runner)
        stranger.say(hello)
        stranger.refused(code, fatal=True)
    wire.say(m.Ping(5))
    assert wire.hear_a(m.Pong).host_ns == 5


def test_silent_strangers_cannot_block_the_port(tcp):
    runner = tcp.start()
    silent = [tcp.connect(runner) for _ in range(4)]
    wire = tcp.connect(runner)
    wire.greet(runner.token)
    assert silent[0].hear() is None


def test_a_wrong_guess_does_not_end_a_listening_runner(tcp):
    runner = tcp.start()
    stranger = tcp.connect(runner)
    stranger.say(m.Hello(m.WIRE_VERSION, "wrong"))
    stranger.refused("bad-token", fatal=True)
    tcp.connect(runner).greet(runner.token)


def test_the_sessions_own_host_takes_over(tcp):
    runner = tcp.start()
    old = tcp.connect(runner)
    ready = old.greet(runner.token)
    new = tcp.connect(runner)
    assert new.greet(runner.token, session=ready.session).session == ready.session
    assert old.hear() is None
    new.say(m.Ping(1))
    new.hear_a(m.Pong)


def test_a_last_seq_from_the_future(tcp):
    runner, wire = tcp.greeted()
    wire.close()
    session = tcp.connect(runner)
    session.say(m.Hello(m.WIRE_VERSION, runner.token, session="x", last_seq=1))
    session.refused("no-session", fatal=True)


def test_bye_ends_the_process(bench, deadline):
    runner, wire = bench.greeted()
    wire.say(m.Bye())
    assert wire.hear() is None
    ended = runner.wait(deadline(10), CancelToken())
    assert (ended.returncode, ended.signal_name) == (0, None)


def test_bye_waits_for_acknowledgement(bench, deadline):
    runner, wire = bench.loaded()
    wire.say(m.Bye(), m.Ping(1))
    wire.hear_a(m.Pong)  # still there: loaded was not acknowledged
    assert runner.wait(deadline(0.05), CancelToken()) is None
    wire.say(m.Ack(1))
    assert runner.wait(deadline(10), CancelToken()).returncode == 0


def test_the_end_of_an_inherited_link_ends_the_runner(bench, deadline):
    if bench.kind.reattaches:
        pytest.skip("a listening runner waits for its host to come back")
    runner, wire = bench.loaded()
    wire.close()
    assert runner.wait(deadline(10), CancelToken()).returncode == 0


def test_nothing_secret_in_the_arguments(bench):
    if not bench.kind.here:
        pytest.skip("the process is the phone's")
    runner, _ = bench.greeted()
    arguments = Path(f"/proc/{runner.pid}/cmdline").read_bytes()
    assert b"runner" in arguments
    assert runner.token.encode() not in arguments
