"""Readings of a phone while it measures: one loop of shell built-ins that never ends by itself.

The loop reads files and writes one line per sample with the phone's own time; only its ``sleep``
forks. What is slow on a phone (``dumpsys``) is asked only while nothing is timed: before the runner
is there, when it has just started, and at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal, Protocol, runtime_checkable

from device_agents.android.parse import odpm, processor
from device_agents.android.parse.text import channel_part, number, uptime_s
from device_agents.android.phone import Phone
from device_agents.android.phone_clock import PhoneClock
from device_agents.android.shell import ShellStream
from device_agents.android.sources import Survey, busy_seconds
from harness import channels
from harness.clock import CancelToken, Deadline
from harness.device import Reading, Runner
from harness.errors import DeviceError
from harness.record import ChannelRecord, DeviceState
from harness.units import NS_PER_S

_CALL_S = 10.0
#: A stream that was cut is opened again at most this often.
_RETRY_NS = 2 * NS_PER_S
#: How often the clocks are compared: over days they drift apart by many seconds.
_COMPARE_NS = 60 * NS_PER_S
#: How often the slow questions are asked while nothing is timed.
_SLOW_NS = 5 * NS_PER_S
#: At the beginning of a trial the phone was asked everything for the trial's record.
_JUST_ASKED_NS = 2 * NS_PER_S
#: How many polls look for the runner's process; it appears soon or never.
_LOOKS = 5
#: Read from the loop in one poll, and the longest line; a sample has a kilobyte.
_MOST_BYTES = 1024 * 1024
_STDOUT = 1
#: Of the runner's process: processor time, memory, and how early the system would end it.
_OWN_FILES = ("stat", "statm", "oom_score_adj")
_POWER_STATS = "android.hardware.power.stats.IPowerStats/default"
#: What only ``dumpsys`` tells, or tells where no file does.
_SLOW = {
    channels.THERMAL_STATUS: ("level", "dumpsys thermalservice"),
    channels.SKIN_TEMPERATURE: ("degC", "dumpsys thermalservice"),
    channels.BATTERY_TEMPERATURE: ("degC", "dumpsys battery"),
    channels.BATTERY_VOLTAGE: ("V", "dumpsys battery"),
    channels.BATTERY_PERCENT: ("percent", "dumpsys battery"),
    channels.BATTERY_CHARGE: ("Ah", "dumpsys battery"),
    channels.BATTERY_PLUGGED: ("0 or 1", "dumpsys battery"),
    channels.SCREEN_ON: ("0 or 1", "dumpsys power"),
}


@runtime_checkable
class HasPid(Protocol):
    """A runner that is a process of the phone."""

    def find_pid(self, deadline: Deadline, cancel: CancelToken) -> int | None:
        """Its number, None as long as it is not seen."""


class AndroidTelemetry:
    """Outside readings of one phone; implements :class:`harness.device.Telemetry`.

    ``slow_state`` asks the phone for what takes long, unless it was just asked; ``package`` tells
    the runner's.
    """

    def __init__(
        self,
        phone: Phone,
        clock: PhoneClock,
        found: Survey,
        slow_state: Callable[[Deadline, int], DeviceState],
        rate_hz: float,
        purpose: Literal["timing", "memory"],
        package: Callable[[], str | None],
        page_bytes: int = 4096,
    ) -> None:
        self._phone, self._clock, self._found = phone, clock, found
        self._slow_state, self._purpose, self._package = slow_state, purpose, package
        self._page_bytes = page_bytes
        self._period_s = 1.0 / rate_hz if rate_hz > 0 else None
        self._stream: ShellStream | None = None
        self._tail = b""
        self._retry_at_ns = self._slow_at_ns = self._compare_at_ns = 0
        self._pid: int | None = None
        self._runner_why = "no runner was started yet"
        self._runner: Runner | None = None
        self._looks_left = _LOOKS
        self._before: tuple[float, float, float] | None = None  # uptime, busy, the runner's CPU
        self._was_in_front = False
        self._hal_rails: tuple[str, ...] = ()
        self._first: list[Reading] = []
        if self._period_s is not None:
            self._first += self._rail_counters()
            self._hal_rails = tuple(sorted({one.channel for one in self._first}))
            self._first += self._slow_readings(_JUST_ASKED_NS)
        self._open()

    def channels(self) -> Sequence[ChannelRecord]:
        """What is read, then what cannot be read with the reason."""
        streamed = [source.record for source in self._found.sources]
        names = {record.name for record in streamed}
        derived = [record for record in self._derived(names) if record.name not in names]
        names |= {record.name for record in derived}
        missing = [gap for gap in self._found.missing if gap.name not in names]
        return (*streamed, *derived, *missing)

    def attach(self, runner: Runner) -> None:
        """Read this runner's process from now on, as soon as it is seen on the phone."""
        self._runner = runner
        self._runner_why = "the runner's process is not seen on the phone"
        self._pid = None
        self._find_runner()

    def poll(self, *, final: bool = False) -> Sequence[Reading]:
        """What has arrived since the last poll."""
        if self._period_s is None:
            return ()
        readings, self._first = self._first, []
        readings += self._received()
        self._find_runner()
        now_ns = self._phone.clock.monotonic_ns()
        self._compare_clocks(now_ns)
        if final or (self._runner is None and now_ns - self._slow_at_ns >= _SLOW_NS):
            readings += self._slow_readings()
        if final:
            readings += self._runner_memory()
            readings += self._rail_counters() if self._hal_rails else []
        return readings

    def close(self) -> None:
        """End the loop on the phone."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # --- the loop ---------------------------------------------------------------------------

    def _script(self) -> str:
        paths = [source.path for source in self._found.sources]
        reads = "".join(f"v=-; read -r v <{path}; o=$o'|'$v\n" for path in paths)
        stat = "v=-; read -r v </proc/stat; o=$o'|'$v\n"
        own = ""
        if self._pid is not None:
            own = "".join(
                f"v=-; read -r v </proc/{self._pid}/{name}; o=$o'|'$v\n" for name in _OWN_FILES
            )
        files = sorted({path for path, _ in self._found.rails})
        rails = "".join(f"while read -r l; do o=$o';'$l; done <{path}\n" for path in files)
        if rails:
            rails = f"o=E'|'$u\n{rails}echo \"$o\"\n"
        return (
            "exec 2>/dev/null\nwhile read -r u r </proc/uptime; do\n"
            f"o=D'|'$u\n{reads}{stat}{own}echo \"$o\"\n{rails}sleep {self._period_s:.4f}\ndone"
        )

    def _open(self) -> None:
        """Start the loop; a phone that is away is tried again later."""
        if self._period_s is None or self._stream is not None:
            return
        now_ns = self._phone.clock.monotonic_ns()
        if now_ns < self._retry_at_ns:
            return
        self._retry_at_ns = now_ns + _RETRY_NS
        deadline, cancel = Deadline(self._phone.clock, _CALL_S), CancelToken()
        try:
            self._clock.refresh(deadline, cancel)
            self._stream = self._phone.start(self._script(), deadline, cancel)
        except DeviceError:
            self._stream = None

    def _compare_clocks(self, now_ns: int) -> None:
        """Once a minute, while the link stands: four short questions to a shell that is there."""
        if self._stream is None or now_ns < self._compare_at_ns:
            return
        self._compare_at_ns = now_ns + _COMPARE_NS
        with suppress(DeviceError):
            self._clock.refresh(Deadline(self._phone.clock, _CALL_S), CancelToken())

    def _find_runner(self) -> None:
        """Begin the loop anew once the runner's process is known."""
        if self._pid is not None or not isinstance(self._runner, HasPid) or not self._looks_left:
            return
        self._looks_left -= 1
        try:
            self._pid = self._runner.find_pid(Deadline(self._phone.clock, _CALL_S), CancelToken())
        except DeviceError:
            return
        if self._pid is not None:
            self._reopen()

    def _reopen(self) -> None:
        self.close()
        self._tail, self._before, self._retry_at_ns = b"", None, 0
        self._was_in_front = False
        self._open()

    def _received(self) -> list[Reading]:
        """Every whole line that has come, without waiting for more."""
        if self._stream is None:
            self._open()
        deadline, cancel = Deadline(self._phone.clock, 1.0), CancelToken()
        try:
            while (
                self._stream is not None
                and len(self._tail) < _MOST_BYTES
                and self._stream.waiting()
            ):
                packet = self._stream.packet(deadline, cancel)
                if packet is None:
                    self.close()
                elif packet[0] == _STDOUT:
                    self._tail += packet[1]
        except DeviceError:
            self.close()
        *lines, self._tail = self._tail.split(b"\n")
        if len(self._tail) >= _MOST_BYTES:  # this is no sample; begin anew
            self.close()
            self._tail = b""
        return [one for line in lines for one in self._line(line.decode(errors="replace"))]

    def _line(self, line: str) -> Iterator[Reading]:
        kind, _, rest = line.partition("|")
        if kind == "E":
            yield from self._rails(rest)
            return
        fields = rest.split("|")
        up_s = uptime_s(fields[0])
        if kind != "D" or up_s is None or len(fields) < len(self._found.sources) + 2:
            return
        at_ns = self._clock.host_ns(up_s)
        values: dict[str, float] = {}
        for source, text in zip(self._found.sources, fields[1:], strict=False):
            value = source.value(text)
            if value is not None:
                values[source.record.name] = value
        self._power(values)
        self._processor(up_s, fields[1 + len(self._found.sources) :], values)
        for name, value in values.items():
            yield Reading(name, at_ns, value)

    def _rails(self, rest: str) -> Iterator[Reading]:
        time, _, text = rest.partition(";")
        up_s = uptime_s(time)
        if up_s is not None:
            for rail, joules in odpm.read_energy_value(text.replace(";", "\n")).items():
                yield Reading(
                    channels.energy(channel_part(rail)), self._clock.host_ns(up_s), joules
                )

    @staticmethod
    def _power(values: dict[str, float]) -> None:
        if channels.BATTERY_CURRENT in values and channels.BATTERY_VOLTAGE in values:
            values[channels.BATTERY_POWER] = (
                values[channels.BATTERY_CURRENT] * values[channels.BATTERY_VOLTAGE]
            )

    def _processor(self, up_s: float, fields: list[str], values: dict[str, float]) -> None:
        """Processor time of the runner and of everybody else since the last sample."""
        busy_s = busy_seconds(fields[0]) if fields else None
        ticks = processor.process_ticks(fields[1]) if len(fields) > 1 else None
        sizes = fields[2].split() if len(fields) > 2 else []
        pages = number(sizes[1]) if len(sizes) > 1 else None
        if pages is not None:
            values[channels.RSS] = pages * self._page_bytes
        self._rank(number(fields[3]) if len(fields) > 3 else None, values)
        if busy_s is None:
            return
        own_s = 0.0 if ticks is None else ticks / processor.TICKS_PER_S
        if self._before is not None and up_s > self._before[0]:
            elapsed = up_s - self._before[0]
            busy, own = busy_s - self._before[1], own_s - self._before[2]
            values[channels.FOREIGN_CPU] = max(0.0, 100.0 * (busy - own) / elapsed)
            if ticks is not None:
                values[channels.RUNNER_CPU] = 100.0 * own / elapsed
        self._before = (up_s, busy_s, own_s)

    def _rank(self, score: float | None, values: dict[str, float]) -> None:
        """Whether the runner is in front: Android gives such a process the score 0 and no other.

        A runner that never was (started by the shell) tells nothing by its score.
        """
        self._was_in_front |= score == 0
        if score is not None and self._was_in_front and self._package() is not None:
            values[channels.BEHIND] = float(score > 0)

    # --- slow questions ---------------------------------------------------------------------

    def _slow_readings(self, at_most_ns: int = 0) -> list[Reading]:
        """What ``dumpsys`` tells, at most so old; asked only while nothing is timed."""
        deadline = Deadline(self._phone.clock, _CALL_S)
        self._slow_at_ns = self._phone.clock.monotonic_ns()
        try:
            state = self._slow_state(deadline, at_most_ns)
        except DeviceError:
            return []
        streamed = {source.record.name for source in self._found.sources}
        at_ns = self._phone.clock.monotonic_ns()
        readings = [
            Reading(name, at_ns, value)
            for name in _SLOW
            if name not in streamed and isinstance(value := state.values.get(name), float)
        ]
        front = state.values.get("foreground")
        package = self._package()
        if self._runner is not None and package is not None and isinstance(front, str):
            covered = float(not front.startswith(f"{package}/"))
            readings.append(Reading(channels.COVERED, at_ns, covered))
        return readings

    def _rail_counters(self) -> list[Reading]:
        """Rails that only the vendor's service tells; asked before and after, as it is slow."""
        if self._found.rails:
            return []
        deadline, cancel = Deadline(self._phone.clock, _CALL_S), CancelToken()
        try:
            dump = self._phone.run(f"dumpsys {_POWER_STATS}", deadline, cancel, check=False).text
        except DeviceError:
            return []
        at_ns = self._phone.clock.monotonic_ns()
        rails = odpm.read_power_stats(dump)
        return [Reading(channels.energy(channel_part(r)), at_ns, j) for r, j in rails.items()]

    def _runner_memory(self) -> list[Reading]:
        """The runner's peak, and its PSS in the memory pass."""
        if self._pid is None:
            return []
        deadline, cancel = Deadline(self._phone.clock, _CALL_S), CancelToken()
        at_ns = self._phone.clock.monotonic_ns()
        readings = []
        try:
            status = self._phone.run(f"cat /proc/{self._pid}/status", deadline, cancel, check=False)
            peak = processor.read_kilobytes(status.text).get("VmHWM")
            if peak is not None:
                readings.append(Reading(channels.RSS_PEAK, at_ns, float(peak)))
            if self._purpose == "memory":
                dump = self._phone.run(
                    f"dumpsys meminfo {self._pid}", deadline, cancel, check=False
                )
                pss = processor.read_pss(dump.text)
                if pss is not None:
                    readings.append(Reading(channels.PSS, at_ns, float(pss)))
        except DeviceError:
            return readings
        return readings

    def _derived(self, streamed: set[str]) -> Iterator[ChannelRecord]:
        def record(name: str, unit: str, source: str, why: str | None = None) -> ChannelRecord:
            return ChannelRecord(name, unit, "host", source, why)

        if {channels.BATTERY_CURRENT, channels.BATTERY_VOLTAGE} <= streamed:
            yield record(channels.BATTERY_POWER, "W", "current times voltage")
        for name, (unit, source) in _SLOW.items():
            yield record(name, unit, f"{source}, outside timed regions")
        if not any(gap.name == channels.FOREIGN_CPU for gap in self._found.missing):
            yield record(channels.FOREIGN_CPU, "percent", "/proc/stat")
        why = None if self._pid is not None else self._runner_why
        yield record(channels.RUNNER_CPU, "percent", "/proc/<pid>/stat", why)
        yield record(channels.RSS, "bytes", "/proc/<pid>/statm", why)
        yield record(channels.RSS_PEAK, "bytes", "/proc/<pid>/status, at the end", why)
        if self._purpose == "memory":
            yield record(channels.PSS, "bytes", "dumpsys meminfo <pid>, at the end", why)
        if self._package() is not None:
            yield record(channels.COVERED, "0 or 1", "dumpsys window, outside timed regions")
            yield record(channels.BEHIND, "0 or 1", "/proc/<pid>/oom_score_adj", why)
        yield from (rail for _, rail in self._found.rails)
        for name in self._hal_rails:
            yield record(name, "J", f"dumpsys {_POWER_STATS}, outside timed regions")
