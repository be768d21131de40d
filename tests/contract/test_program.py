"""Blocks: what is executed, in what order, and that nothing of it gets lost."""

from __future__ import annotations

import numpy as np

from harness.wire import messages as m

MS = 1_000_000


def started(bench, x, *blocks, final=False, **options):
    runner, wire = bench.loaded(**options)
    wire.say(m.Run((bench.push(x.tobytes()),), blocks, final=final))
    return runner, wire


def test_a_program_in_one_message(bench, x, samples):
    _, wire = started(
        bench, x, m.Block(0, 3, timed=False), m.Block(1, 200), m.Block(7, 1), final=True
    )
    *blocks, done = wire.hear_until(m.Done)
    assert [packet.message.block for packet in blocks] == [0, 1, 7]
    assert [packet.message.timed for packet in blocks] == [False, True, True]
    assert [packet.message.count for packet in blocks] == [3, 200, 1]
    assert [packet.message.seq for packet in blocks] == [2, 3, 4]  # 1 was loaded
    assert done.message == m.Done(5, cancelled=False)
    ended = 0
    for packet in blocks:
        block, rows = packet.message, samples(packet)
        assert block.columns == m.SAMPLE_COLUMNS
        assert block.started_ns >= ended
        ended = block.ended_ns
        ends = rows["start_ns"] + rows["input_ns"] + rows["invoke_ns"] + rows["output_ns"]
        assert rows["start_ns"][0] >= block.started_ns
        assert ends[-1] <= block.ended_ns
        assert (rows["start_ns"][1:] >= ends[:-1]).all()
        assert (rows["invoke_ns"] > 0).all()
        assert block.dropped == 0
        assert block.cpu_ns >= 0
    assert sum(packet.message.cpu_ns for packet in blocks) > 0


def test_process_start_is_told_once(bench, x, samples):
    runner, wire = started(bench, x, m.Block(0, 1), m.Block(1, 1), final=True)
    first, second, _ = wire.hear_until(m.Done)
    if bench.kind.here:
        assert first.message.process_start_ns == runner.spawned_at_ns
    assert first.message.process_start_ns >= runner.spawned_at_ns
    assert second.message.process_start_ns == 0
    assert runner.spawned_at_ns < samples(first)["start_ns"][0]


def test_appended_blocks(bench, x):
    _, wire = started(bench, x, m.Block(0, 2))
    assert wire.hear_a(m.BlockDone).block == 0
    for seq in (1, 2):
        wire.say(m.Append((m.Block(seq, 2),)), m.Ack(seq))
        assert wire.hear_a(m.BlockDone).block == seq
    wire.say(m.Append((), final=True))
    assert wire.hear_a(m.Done) == m.Done(5)
    wire.say(m.Append((m.Block(9, 1),)))
    assert "no program" in wire.refused("bad-message", fatal=False)


def test_appending_to_a_closed_program(bench, x):
    _, wire = started(bench, x, m.Block(0, 1, pause_ns=50 * MS), final=True)
    wire.say(m.Append((m.Block(1, 1),)))
    assert "closed" in wire.refused("bad-message", fatal=False)
    assert [type(packet.message) for packet in wire.hear_until(m.Done)] == [m.BlockDone, m.Done]


def test_an_empty_program(bench, x):
    _, wire = started(bench, x, final=True)
    assert wire.hear_a(m.Done).cancelled is False


def test_a_duration_ends_a_block(bench, x):
    _, wire = started(bench, x, m.Block(0, m.MAX_BLOCK_COUNT, duration_ns=20 * MS), final=True)
    block = wire.hear_a(m.BlockDone)
    assert 1 <= block.count < m.MAX_BLOCK_COUNT
    assert block.ended_ns - block.started_ns >= 20 * MS


def test_a_block_has_at_least_one_inference(bench, x):
    _, wire = started(bench, x, m.Block(0, 50, duration_ns=1), final=True)
    assert wire.hear_a(m.BlockDone).count == 1


def test_a_pause_is_outside_the_block(bench, x):
    _, wire = started(bench, x, m.Block(0, 1), m.Block(1, 1, pause_ns=60 * MS), final=True)
    first, second, _ = (packet.message for packet in wire.hear_until(m.Done))
    assert second.started_ns - first.ended_ns >= 60 * MS
    assert second.ended_ns - second.started_ns < 60 * MS


def test_impossible_blocks(bench, x):
    _, wire = bench.loaded()
    digest = bench.push(x.tobytes())
    for block in (
        m.Block(0, 0),
        m.Block(0, -1),
        m.Block(0, m.MAX_BLOCK_COUNT + 1),
        m.Block(0, 1, duration_ns=-1),
        m.Block(0, 1, interval_ns=-1),
        m.Block(0, 1, pause_ns=-1),
    ):
        wire.say(m.Run((digest,), (m.Block(5, 1), block), final=True))
        wire.refused("bad-message", fatal=False)
    wire.say(m.Run((digest,), (m.Block(1, 1),), final=True))
    assert wire.hear_a(m.BlockDone).block == 1


# --- periodic -------------------------------------------------------------------------------


def test_periodic_starts_follow_the_schedule(bench, x, samples):
    _, wire = started(bench, x, m.Block(0, 20, interval_ns=5 * MS), final=True)
    packet = wire.hear()
    rows = samples(packet)
    assert packet.message.columns == (*m.SAMPLE_COLUMNS, m.INTENDED_COLUMN)
    gaps = np.diff(rows["intended_ns"])
    assert (gaps % (5 * MS) == 0).all()
    assert (rows["start_ns"] >= rows["intended_ns"]).all()
    assert packet.message.dropped == gaps.sum() // (5 * MS) - 19


def test_every_frame_is_done_or_dropped_once(bench, x, samples):
    """An interval far shorter than the inference: frames are dropped, and none is forgotten."""
    interval = 100  # ns: no engine is that fast
    blocks = [m.Block(seq, 40, interval_ns=interval) for seq in range(3)]
    _, wire = started(bench, x, *blocks, final=True)
    *packets, _ = wire.hear_until(m.Done)
    intended = np.concatenate([samples(packet)["intended_ns"] for packet in packets])
    done = sum(packet.message.count for packet in packets)
    dropped = sum(packet.message.dropped for packet in packets)
    assert done == 120
    assert dropped > 120
    first_frames = (intended[0] - packets[0].message.started_ns) // interval + 1
    passed = (intended[-1] - intended[0]) // interval + 1
    assert passed <= done + dropped <= passed + first_frames
    late = np.concatenate([samples(p)["start_ns"] - samples(p)["intended_ns"] for p in packets])
    assert (late >= 0).all()


def test_a_pause_starts_a_schedule_of_its_own(bench, x, samples):
    _, wire = started(
        bench,
        x,
        m.Block(0, 3, interval_ns=2 * MS),
        m.Block(1, 3, interval_ns=2 * MS, pause_ns=31 * MS),
        final=True,
    )
    first, second, _ = wire.hear_until(m.Done)
    assert second.message.dropped <= 3
    assert samples(second)["intended_ns"][0] >= first.message.ended_ns + 31 * MS


def test_a_periodic_block_covers_its_duration(bench, x, samples):
    block = m.Block(0, 1000, duration_ns=50 * MS, interval_ns=10 * MS)
    _, wire = started(bench, x, block, final=True)
    packet = wire.hear()
    assert packet.message.count + packet.message.dropped == 5
    assert np.ptp(samples(packet)["intended_ns"]) < 50 * MS


# --- cancel, states -------------------------------------------------------------------------


def test_cancel_ends_the_program(bench, x):
    blocks = [m.Block(seq, 1, pause_ns=20 * MS) for seq in range(1000)]
    _, wire = started(bench, x, *blocks)
    wire.hear_a(m.BlockDone)
    wire.say(m.Cancel())
    heard = wire.hear_until(m.Done)
    assert heard[-1].message.cancelled is True
    assert len(heard) < 100
    wire.say(m.Run((bench.push(x.tobytes()),), (m.Block(0, 1),), final=True))
    assert wire.hear_until(m.Done)[-1].message.cancelled is False


def test_cancel_interrupts_a_pause(bench, x):
    _, wire = started(bench, x, m.Block(0, 1, pause_ns=3600 * 1000 * MS))
    wire.say(m.Cancel())
    assert wire.hear_a(m.Done).cancelled is True


def test_cancel_of_nothing_is_no_error(bench):
    _, wire = bench.loaded()
    wire.say(m.Cancel(), m.Ping(3))
    assert wire.hear_a(m.Pong).host_ns == 3


def test_bye_ends_the_program_first(bench, x):
    _, wire = started(bench, x, m.Block(0, 1, pause_ns=3600 * 1000 * MS))
    wire.say(m.Bye())
    done = wire.hear_a(m.Done)
    assert done.cancelled is True
    wire.say(m.Ack(done.seq))
    assert wire.hear() is None


def test_what_is_not_allowed_while_a_program_runs(bench, x):
    _, wire = started(bench, x, m.Block(0, 1, pause_ns=100 * MS), final=True)
    digest = bench.push(x.tobytes())
    for message in (
        m.Run((digest,), ()),
        m.Infer((digest,), 0, 1),
        m.Unload(),
        bench.load_message(),
    ):
        wire.say(message)
        wire.refused("bad-message", fatal=False)
    assert [type(packet.message) for packet in wire.hear_until(m.Done)] == [m.BlockDone, m.Done]


def test_what_needs_a_model(bench, x):
    _, wire = bench.greeted()
    digest = bench.push(x.tobytes())
    for message in (m.Run((digest,), ()), m.Infer((digest,), 0, 1), m.Unload(), m.Append(())):
        wire.say(message)
        wire.refused("bad-message", fatal=False)


def test_unload_makes_room_for_another_model(bench):
    _, wire = bench.loaded()
    wire.say(bench.load_message())
    assert "unload" in wire.refused("bad-message", fatal=False)
    wire.say(m.Unload(), bench.load_message())
    wire.hear_a(m.Loaded)


def test_ping_between_blocks(bench, x):
    blocks = [m.Block(seq, 1, pause_ns=MS) for seq in range(5)]
    _, wire = started(bench, x, *blocks, final=True)
    wire.say(m.Ping(77))
    heard = [packet.message for packet in wire.hear_until(m.Done)]
    assert [type(message) for message in heard].count(m.Pong) == 1
    pong = next(message for message in heard if isinstance(message, m.Pong))
    assert pong.host_ns == 77
    assert pong.runner_ns > 0


def test_telemetry_between_blocks(bench, x):
    _, wire = bench.loaded()
    wire.say(m.TelemetryRequest(5 * MS))
    blocks = [m.Block(seq, 1, pause_ns=4 * MS) for seq in range(10)]
    wire.say(m.Run((bench.push(x.tobytes()),), tuple(blocks), final=True))
    traces = [
        packet.message for packet in wire.hear_until(m.Done) if isinstance(packet.message, m.Trace)
    ]
    assert len(traces) >= 2
    for trace in traces:
        readings = dict(zip(trace.channels, trace.values, strict=True))
        assert 10**6 < readings["self.rss_bytes"] <= readings["self.rss_peak_bytes"] < 10**10
    assert (np.diff([trace.at_ns for trace in traces]) >= 5 * MS).all()
    wire.say(m.TelemetryRequest(0), m.Ping(1))
    while not isinstance(wire.hear().message, m.Pong):
        pass
    wire.say(m.Run((bench.push(x.tobytes()),), (m.Block(0, 1, pause_ns=20 * MS),), final=True))
    assert [type(packet.message) for packet in wire.hear_until(m.Done)] == [m.BlockDone, m.Done]


# --- links that drop ------------------------------------------------------------------------


def test_a_dropped_link_loses_nothing_and_repeats_nothing(tcp, x):
    blocks = tuple(m.Block(seq, 2, pause_ns=2 * MS) for seq in range(40))
    runner = tcp.start()
    wire = tcp.connect(runner)
    session = wire.greet(runner.token).session
    wire.say(tcp.load_message(), m.Run((tcp.push(x.tobytes()),), blocks, final=True))
    heard = [wire.hear() for _ in range(4)]
    for unread in (0, 1, 5):
        last = heard[-1].message.seq
        wire = tcp.connect(runner)  # without a word to the old link
        ready = wire.greet(runner.token, session=session, last_seq=last)
        assert ready.received == 2
        heard += [wire.hear() for _ in range(6)]
        for _ in range(unread):
            wire.hear()  # arrives, and is lost by the host
        wire.close()
    wire = tcp.connect(runner)
    wire.greet(runner.token, session=session, last_seq=heard[-1].message.seq)
    heard += wire.hear_until(m.Done)
    assert [packet.message.seq for packet in heard] == list(range(1, 43))
    assert [p.message.block for p in heard if isinstance(p.message, m.BlockDone)] == [*range(40)]


def test_a_program_goes_on_without_a_link(tcp, x):
    runner = tcp.start()
    wire = tcp.connect(runner)
    session = wire.greet(runner.token).session
    block = m.Block(0, 2000, duration_ns=10**11)
    wire.say(tcp.load_message(), m.Run((tcp.push(x.tobytes()),), (block,), final=True))
    wire.hear_a(m.Loaded)
    wire.close()
    wire = tcp.connect(runner)
    wire.greet(runner.token, session=session, last_seq=1)
    assert [type(packet.message) for packet in wire.hear_until(m.Done)] == [m.BlockDone, m.Done]


def test_what_was_acknowledged_is_not_sent_again(tcp, x):
    runner = tcp.start()
    wire = tcp.connect(runner)
    session = wire.greet(runner.token).session
    blocks = tuple(m.Block(seq, 1) for seq in range(5))
    wire.say(tcp.load_message(), m.Run((tcp.push(x.tobytes()),), blocks, final=True))
    wire.hear_until(m.Done)
    wire.say(m.Ack(4), m.Ping(1))
    wire.hear_a(m.Pong)
    wire.close()
    wire = tcp.connect(runner)
    wire.greet(runner.token, session=session, last_seq=0)
    assert [packet.message.seq for packet in wire.hear_until(m.Done)] == [5, 6, 7]


def test_the_spool_goes_to_files_and_back(tcp, x, samples):
    """More than memory holds while nobody listens; every byte comes back in order."""
    runner = tcp.start()
    wire = tcp.connect(runner)
    session = wire.greet(runner.token).session
    blocks = tuple(m.Block(seq, 40_000, duration_ns=10**11) for seq in range(12))
    wire.say(tcp.load_message(), m.Run((tcp.push(x.tobytes()),), blocks, final=True))
    wire.hear_a(m.Loaded)
    wire.close()
    spool = tcp.folder / "work0" / "spool"  # only where the runner is here, not on a phone
    wire = tcp.connect(runner)
    wire.greet(runner.token, session=session, last_seq=1)
    heard = wire.hear_until(m.Done)
    if tcp.kind.here:
        assert list(spool.iterdir()), "12 blocks of 1.2 MB do not fit 4 MiB of memory"
    starts = np.concatenate([samples(packet)["start_ns"] for packet in heard[:-1]])
    assert len(starts) == 12 * 40_000
    assert (np.diff(starts) > 0).all()
    wire.say(m.Ack(heard[-1].message.seq), m.Ping(1))
    wire.hear_a(m.Pong)
    assert not tcp.kind.here or not list(spool.iterdir())


def test_a_full_spool_ends_the_program_and_keeps_what_was_measured(bench, x):
    blocks = tuple(m.Block(seq, 40_000, duration_ns=10**11) for seq in range(50))
    _, wire = started(bench, x, *blocks, final=True, spool_limit_bytes=2 * 1024 * 1024)
    heard = []
    while not heard or isinstance(heard[-1].message, m.BlockDone):
        heard.append(wire.hear())
    assert heard[-1].message.code == "spool-full"
    assert 4 <= len(heard) <= 8
    assert [packet.message.block for packet in heard[:-1]] == list(range(len(heard) - 1))
    wire.say(m.Ack(heard[-1].message.seq))
    wire.say(m.Run((bench.push(x.tobytes()),), (m.Block(0, 1),), final=True))
    wire.hear_until(m.Done)
