"""A trial as a Perfetto trace: what happened when, for ui.perfetto.dev.

One file per trial, made with the ``perfetto`` package. Everything is on the runner's clock, moved
so that the file begins at zero. Tracks: the conductor's phases with the findings as instants, every
inference as a slice (its copies as annotations), and a counter for each telemetry channel.
Nothing is thinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.record import ChannelRecord, Outcome, TrialRecord
from harness.stats.samples import Samples
from harness.text import one_line
from reports import labels
from reports.files import writing
from reports.series import on_runner_clock
from reports.source import RunSource, TrialSource
from reports.thinning import Int64Array

if TYPE_CHECKING:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket

#: Packets that are handed to the file at once: bounds memory, and costs nothing measurable.
_BATCH = 20_000
#: All packets of a file come from one writer.
_SEQUENCE = 1
_PROCESS, _PHASES, _INFERENCES, _FIRST_COUNTER = 1, 2, 3, 10


def write_traces(runs: Sequence[RunSource], folder: Path) -> list[Path]:
    """One ``<run>/<trial>.pftrace`` for each trial that was begun; the paths in plan order.

    Raises UserError without the ``perfetto`` package and StoreError, naming the path, when
    a file cannot be written.
    """
    _require_package()
    written = []
    for run in runs:
        missing = {trial.id for trial in run.missing()}
        for trial in run.plan.trials:
            if trial.id in missing:
                continue
            source = run.trial(trial.id)
            if source.record.outcome is Outcome.SKIPPED:
                continue
            path = folder / run.run_id / f"{trial.id}.pftrace"
            with writing(path) as file:
                write_trace(source, file)
            written.append(path)
    return written


def write_trace(source: TrialSource, file: IO[bytes]) -> None:
    """One trial's trace into an open file; equal trials give equal bytes."""
    packets = _Packets(file, _Timeline(source))
    packets.write(source)
    packets.flush()


class _Timeline:
    """Times of a trial moved to the runner's clock, and all of them to zero at its beginning.

    Without a clock offset only what the host saw can be placed.
    """

    def __init__(self, source: TrialSource) -> None:
        record = source.record
        self._offsets = record.clock_offsets
        self.runner_is_placed = bool(self._offsets)
        started = [span.started_at_ns for span in record.phases]
        self._zero_ns = 0
        if started:
            self._zero_ns = int(self.place(np.array([min(started)], np.int64), "host")[0])

    def place(self, at_ns: Int64Array, clock: str) -> Int64Array:
        """Times of one clock in the file's time."""
        if self.runner_is_placed:
            at_ns = on_runner_clock(at_ns, clock, self._offsets)
        return at_ns - self._zero_ns

    def can_place(self, clock: str) -> bool:
        """Whether times of that clock can stand beside the others."""
        return clock == "host" or self.runner_is_placed


class _Packets:
    """Builds packets and hands them to the file in batches."""

    def __init__(self, file: IO[bytes], timeline: _Timeline) -> None:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

        self._pb, self._file, self._time = pb, file, timeline
        self._trace = pb.Trace()

    def write(self, source: TrialSource) -> None:
        """Everything known of one trial, track by track."""
        record = source.record
        self._process(record)
        self._phases(record)
        if self._time.runner_is_placed:
            self._inferences(source.samples())
        self._counters(source)

    def flush(self) -> None:
        """Hand over what is built; a trace file is any number of such pieces in a row."""
        self._file.write(self._trace.SerializeToString(deterministic=True))
        self._trace = self._pb.Trace()

    def _process(self, record: TrialRecord) -> None:
        cell = record.trial.cell
        simulated = any(item.id == "SIMULATED-DEVICE" for item in record.findings)
        name = f"{'SIMULATED ' if simulated else ''}{record.trial.id} on {cell.device_id}"
        track = self._track(_PROCESS, one_line(name))
        track.process.pid = 1
        track.process.process_name = one_line(name)
        for uuid, title in ((_PHASES, "phases"), (_INFERENCES, "inferences")):
            self._track(uuid, title).parent_uuid = _PROCESS

    def _track(self, uuid: int, name: str) -> Any:
        packet = self._packet()
        packet.track_descriptor.uuid = uuid
        packet.track_descriptor.name = name
        return packet.track_descriptor

    def _phases(self, record: TrialRecord) -> None:
        for span in record.phases:
            begin, end = self._on_file(span.started_at_ns), self._on_file(span.ended_at_ns)
            self._slice(_PHASES, span.name, begin, end)
        measured = [span for span in record.phases if span.name in {"MEASURE", "ACQUIRE"}]
        if not measured:
            return
        at = self._on_file(measured[-1].started_at_ns)
        for item in record.findings:
            event = self._event(_PHASES, at, self._pb.TrackEvent.TYPE_INSTANT)
            event.name = item.id
            for key, text in (("seen", item.seen), ("advice", item.advice)):
                note = event.debug_annotations.add()
                note.name, note.string_value = key, one_line(text)

    def _inferences(self, samples: Samples) -> None:
        if not len(samples):
            return
        begin = self._time.place(samples.start_ns, "runner")
        end = begin + samples.latency_ns
        rows = zip(
            begin.tolist(),
            end.tolist(),
            samples.timed.tolist(),
            samples.input_ns.tolist(),
            samples.output_ns.tolist(),
            strict=True,
        )
        for first, last, timed, input_ns, output_ns in rows:
            event = self._slice(_INFERENCES, "inference" if timed else "warm-up", first, last)
            for name, value in (("input_ns", input_ns), ("output_ns", output_ns)):
                if value:
                    note = event.debug_annotations.add()
                    note.name, note.int_value = name, value

    def _counters(self, source: TrialSource) -> None:
        shown = {
            channel.name: (_FIRST_COUNTER + place, channel)
            for place, channel in enumerate(source.record.channels)
            if channel.unavailable is None and self._time.can_place(channel.clock)
        }
        factors = {name: self._counter(uuid, channel) for name, (uuid, channel) in shown.items()}
        for batch in source.iter_trace_batches() if shown else ():
            for name in sorted(shown.keys() & batch.keys()):
                uuid, channel = shown[name]
                at_ns = self._time.place(batch[name].at_ns, channel.clock)
                values = batch[name].value * factors[name]
                for at, value in zip(at_ns.tolist(), values.tolist(), strict=True):
                    event = self._event(uuid, at, self._pb.TrackEvent.TYPE_COUNTER)
                    event.double_counter_value = value

    def _counter(self, uuid: int, channel: ChannelRecord) -> float:
        described, factor = labels.channel(channel.name, channel.unit)
        track = self._track(uuid, one_line(f"{described.title} ({described.unit})"))
        track.parent_uuid = _PROCESS
        track.counter.unit_name = described.unit
        return factor

    def _slice(self, track: int, name: str, begin: int, end: int) -> Any:
        event = self._event(track, begin, self._pb.TrackEvent.TYPE_SLICE_BEGIN)
        event.name = name
        self._event(track, end, self._pb.TrackEvent.TYPE_SLICE_END)
        return event

    def _event(self, track: int, at: int, kind: Any) -> Any:
        packet = self._packet()
        packet.timestamp = max(0, at)
        packet.track_event.type = kind
        packet.track_event.track_uuid = track
        return packet.track_event

    def _packet(self) -> TracePacket:
        if len(self._trace.packet) >= _BATCH:
            self.flush()
        packet = self._trace.packet.add()
        packet.trusted_packet_sequence_id = _SEQUENCE
        return packet

    def _on_file(self, host_ns: int) -> int:
        return int(self._time.place(np.array([host_ns], np.int64), "host")[0])


def _require_package() -> None:
    try:
        import perfetto  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "Perfetto traces need the perfetto package: pip install 'benchfarm[perfetto]'"
        ) from error
