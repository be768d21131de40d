"""What else was going on: other processes, the governor, the device itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.findings import Finding, finding
from harness.record import Cell, OptionValue
from harness.scenario import Cold
from harness.stats.traces import Trace
from harness.units import NS_PER_MS, format_percent

#: Everyone else may use this part of all cores before it counts as interference. The host's own
#: work while a local trial runs (receiving blocks, reading sensors) stays well below it.
FOREIGN_SHARE = 0.10
#: At least one thread of a CPU engine runs at any time, whatever the number of threads. CPU time
#: below this part of the inferences' wall time therefore means that for the rest of it nobody ran.
CPU_SHARE = 0.90
#: Shorter work cannot be judged: one scheduler tick (up to 10 ms) would be too much of it.
MIN_WORK_NS = 200 * NS_PER_MS
#: Delegates whose work is done by the runner's own threads.
CPU_DELEGATES = frozenset({"cpu", "xnnpack", "cpuOnly"})
#: Governors that leave the frequency where it was put.
FIXED_GOVERNORS = frozenset({"performance", "userspace"})

Facts = Mapping[str, OptionValue]


def interference(foreign_cpu_percent: float | None, facts: Facts) -> Iterator[Finding]:
    """INTERFERENCE: others used more than a tenth of the machine on average.

    ``foreign_cpu_percent`` counts 100 per core; None when it could not be read. With an unknown
    number of cores the machine is taken to have one.
    """
    if foreign_cpu_percent is None:
        return
    cores = _cores(facts)
    limit = 100 * FOREIGN_SHARE * cores
    if foreign_cpu_percent > limit:
        yield finding(
            "INTERFERENCE",
            f"others used {foreign_cpu_percent:.0f} % of one core on average; "
            f"up to {limit:.0f} % is tolerated on {cores:g} core{'s' * (cores != 1)}",
        )


def cpu_starved(cell: Cell, cpu_ns: int, work_ns: int) -> Iterator[Finding]:
    """CPU-STARVED: the runner's CPU time is well below the wall time of its inferences.

    ``work_ns`` is the sum of the timed inferences' own durations, so waiting for arrivals does not
    count. Not judged where waiting is part of the work: accelerators, and cold starts from disk.
    """
    if cell.delegate not in CPU_DELEGATES or isinstance(cell.load, Cold):
        return
    if cpu_ns <= 0 or work_ns < MIN_WORK_NS:
        return
    share = cpu_ns / work_ns
    if share < CPU_SHARE:
        yield finding(
            "CPU-STARVED",
            f"CPU time was {format_percent(share)} of the inferences' wall time "
            f"with {cell.threads} thread{'s' * (cell.threads != 1)}; "
            f"a free processor gives {format_percent(CPU_SHARE)} or more",
        )


def gate_timeout(seen: str | None) -> Iterator[Finding]:
    """GATE-TIMEOUT: the start gate gave up; ``seen`` is what it was still waiting for."""
    if seen is not None:
        yield finding("GATE-TIMEOUT", seen)


def not_prepared(reasons: Sequence[str]) -> Iterator[Finding]:
    """NOT-PREPARED: settings that were asked for and could not be had, each with its reason."""
    if reasons:
        yield finding("NOT-PREPARED", "; ".join(reasons))


def app_covered(covered: Trace | None, behind: Trace | None) -> Iterator[Finding]:
    """APP-COVERED: ``device.covered`` or ``runner.behind`` says that the runner was not in front.

    The first is asked for around the timed part, the second is heard all along.
    """
    if covered is not None and bool((covered.value > 0).any()):
        yield finding("APP-COVERED", "something other than the runner was in the foreground")
    elif behind is not None and bool((behind.value > 0).any()):
        yield finding("APP-COVERED", "something came before the runner for a while, and went again")


def governor_not_fixed(facts: Facts) -> Iterator[Finding]:
    """GOVERNOR-NOT-FIXED: a known governor that moves the frequency. Unknown is no finding."""
    named = str(facts.get("governor", ""))
    moving = [name for name in re.findall(r"[\w-]+", named) if name not in FIXED_GOVERNORS]
    if moving:
        yield finding("GOVERNOR-NOT-FIXED", f"governor {named}")


def simulated_device(device_id: str, facts: Facts) -> Iterator[Finding]:
    """SIMULATED-DEVICE: the device says that it is one."""
    if facts.get("simulated") is True:
        yield finding("SIMULATED-DEVICE", f"{device_id} is a simulation")


def variant_doubts(cell: Cell) -> Iterator[Finding]:
    """The findings that the model file itself carries."""
    for kind_id in cell.variant.findings:
        yield finding(kind_id, f"{cell.variant.label} was made that way")


def _cores(facts: Facts) -> float:
    cores = facts.get("cores")
    return float(cores) if isinstance(cores, int | float) and cores >= 1 else 1.0
