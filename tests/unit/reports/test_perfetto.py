"""Traces are read back with the perfetto package's own classes."""

from __future__ import annotations

import io
import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.findings import finding
from harness.record import PhaseSpan, Trial
from reports.render import write_reports

pytest.importorskip("perfetto", reason="the perfetto package is not installed (extra perfetto)")


@dataclass
class ReadBack:
    """A trace as a reader sees it: tracks by name, their slices, instants and counter values."""

    names: dict[int, str] = field(default_factory=dict)
    units: dict[int, str] = field(default_factory=dict)
    slices: dict[str, list[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(list))
    instants: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    counters: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))


def read_back(data: bytes) -> ReadBack:
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

    trace, seen = pb.Trace(), ReadBack()
    trace.ParseFromString(data)
    opened: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            seen.names[track.uuid] = track.name
            if track.HasField("counter"):
                seen.units[track.uuid] = track.counter.unit_name
            continue
        event = packet.track_event
        name = seen.names[event.track_uuid]  # a track is described before it is used
        match event.type:
            case pb.TrackEvent.TYPE_SLICE_BEGIN:
                opened[event.track_uuid].append((event.name, packet.timestamp))
            case pb.TrackEvent.TYPE_SLICE_END:
                what, begun = opened[event.track_uuid].pop()
                seen.slices[name].append((what, begun, packet.timestamp))
            case pb.TrackEvent.TYPE_INSTANT:
                seen.instants[name].append((event.name, packet.timestamp))
            case pb.TrackEvent.TYPE_COUNTER:
                seen.counters[name].append((packet.timestamp, event.double_counter_value))
            case other:
                pytest.fail(f"unexpected event type {other}")
    assert not any(opened.values())
    return seen


@pytest.fixture
def make(made_up):
    """Makes a trial with two phases, one two seconds before the timed part."""
    return lambda **changes: trial_with_phases(made_up, **changes)


def trial_with_phases(made_up, **changes):
    cell = made_up.make_cell()
    trial = Trial(f"{cell.key}-r0", cell, 0, 0)
    source = made_up.make_trial(trial, p50_ms=5.0, seed=1)
    host_ns = made_up.RUNNER_EPOCH_NS - made_up.OFFSET_NS
    phases = (
        PhaseSpan("ACQUIRE", host_ns - 2_000_000_000, host_ns - 1_500_000_000),
        PhaseSpan("MEASURE", host_ns, host_ns + 2_500_000_000),
    )
    record = replace(source.record, phases=phases, **changes)
    source.record = record
    return source


def trace_of(source) -> ReadBack:
    from reports.perfetto import write_trace

    file = io.BytesIO()
    write_trace(source, file)
    return read_back(file.getvalue())


def test_every_inference_is_a_slice_at_its_time_with_its_duration(make) -> None:
    source = make()
    seen = trace_of(source)
    samples = source.samples()
    slices = seen.slices["inferences"]
    assert [end - begin for _, begin, end in slices] == samples.latency_ns.tolist()
    assert [what == "inference" for what, _, _ in slices] == samples.timed.tolist()
    gaps = [b[1] - a[1] for a, b in itertools.pairwise(slices)]
    assert gaps == [b - a for a, b in zip(samples.start_ns, samples.start_ns[1:], strict=False)]


def test_phases_and_inferences_lie_on_one_clock_that_begins_at_zero(make, made_up) -> None:
    seen = trace_of(make())
    phases = {name: (begin, end) for name, begin, end in seen.slices["phases"]}
    assert phases["ACQUIRE"] == (0, 500_000_000)
    assert phases["MEASURE"][0] == 2_000_000_000
    first = seen.slices["inferences"][0][1]
    assert first == 2_000_000_000 + int(make().samples().start_ns[0] - made_up.RUNNER_EPOCH_NS)


def test_counters_carry_values_in_the_unit_that_people_read(make) -> None:
    seen = trace_of(make())
    memory = next(name for name in seen.counters if "MiB" in name)
    assert 80 < seen.counters[memory][0][1] < 100
    assert "°C" in seen.units.values()
    assert not any("requency" in name for name in seen.counters)  # unavailable: no track at all


def test_findings_are_instants(make) -> None:
    doubt = finding("INTERFERENCE", 'others <b>used</b> 40 % of "one" core')
    seen = trace_of(make(findings=(doubt,)))
    assert seen.instants["phases"] == [("INTERFERENCE", 2_000_000_000)]


def test_a_simulated_device_is_named_so_in_its_trace(make) -> None:
    mark = finding("SIMULATED-DEVICE", "local is a simulation")
    seen = trace_of(make(findings=(mark,)))
    assert seen.names[1].startswith("SIMULATED ")


def test_without_a_clock_offset_only_what_the_host_saw_is_drawn(make) -> None:
    seen = trace_of(make(clock_offsets=()))
    assert seen.slices["phases"]
    assert not seen.slices["inferences"]
    assert seen.counters  # these channels are on the host's clock


def test_a_failed_trial_without_samples_still_has_its_phases(made_up) -> None:
    cell = made_up.make_cell()
    failed = made_up.make_failure(Trial(f"{cell.key}-r0", cell, 0, 0))
    failed.record = replace(failed.record, phases=(PhaseSpan("LAUNCH", 5, 9),))
    assert trace_of(failed).slices["phases"] == [("LAUNCH", 0, 4)]


def test_one_file_for_each_trial_and_equal_bytes_when_made_twice(made_up, tmp_path: Path) -> None:
    run = made_up.demo_run()
    first = write_reports([run], ["perfetto"], tmp_path / "a")
    second = write_reports([run], ["perfetto"], tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    assert len(first) == len(set(first)) > 1
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_place_that_cannot_be_written_is_named(made_up, tmp_path: Path) -> None:
    (tmp_path / "perfetto").write_text("in the way")
    with pytest.raises(StoreError, match="perfetto"):
        write_reports([made_up.demo_run()], ["perfetto"], tmp_path)
