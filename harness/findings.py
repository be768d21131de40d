"""Findings: typed doubts about a measurement that stay on the data for ever.

A finding never throws anything away. It says what was seen and what to do, under a stable ID that
reports print beside the number, that scenarios may forbid (``require: {absent: [...]}``), and that
``docs/findings.md`` explains one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ID_SHAPE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")


class Severity(StrEnum):
    """How much a finding weighs."""

    NOTE = "note"  #: a reader should know it; the number stands
    DOUBT = "doubt"  #: the number may be off; do not publish it without saying so
    INVALID = "invalid"  #: the number does not mean what its column says


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One row of ``docs/findings.md``: what an ID stands for."""

    id: str
    severity: Severity
    summary: str
    advice: str

    def __post_init__(self) -> None:
        if not _ID_SHAPE.fullmatch(self.id):
            raise ValueError(f"a finding's ID is capitals with hyphens, not {self.id!r}")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One doubt about one trial, cell or run."""

    id: str
    severity: Severity
    seen: str  #: what was observed, with figures
    advice: str  #: what the reader can do about it


_KINDS = (
    FindingKind(
        "SIMULATED-DEVICE",
        Severity.INVALID,
        "The device is a simulation; its numbers say nothing about a real phone.",
        "Use it to try the harness, never to report a phone's performance.",
    ),
    FindingKind(
        "FEW-SAMPLES",
        Severity.DOUBT,
        "Less was timed than the scenario's load asks for.",
        "Raise max_seconds, or use the burst load, which promises less.",
    ),
    FindingKind(
        "SHORT-RUN",
        Severity.NOTE,
        "The scenario asks for less than the 1024 inferences and 60 s that single_stream means.",
        "Fine for a quick look; leave min_seconds and min_inferences at their defaults to report.",
    ),
    FindingKind(
        "TAIL-UNSUPPORTED",
        Severity.NOTE,
        "Too few samples lie beyond a shown percentile for it to be more than an anecdote.",
        "Measure longer, or do not quote that percentile.",
    ),
    FindingKind(
        "FEW-TRIALS",
        Severity.NOTE,
        "Fewer than three trials: no interval can be given.",
        "Set repeats to 3 or more.",
    ),
    FindingKind(
        "WARMUP-CAPPED",
        Severity.DOUBT,
        "Warm-up reached its time limit before latency became steady.",
        "Raise warmup.max_seconds, or look at the latency trace for drift.",
    ),
    FindingKind(
        "DRIFT",
        Severity.DOUBT,
        "Latency moved between the start and the end of the timed part.",
        "Look at the latency trace beside temperature and frequency; measure longer or cooler.",
    ),
    FindingKind(
        "NOT-STEADY",
        Severity.DOUBT,
        "The warm-up rule called latency steady; seen as a whole, the timed part was not.",
        "Look at the latency trace; lengthen the warm-up, or say what the number is a mixture of.",
    ),
    FindingKind(
        "INTERFERENCE",
        Severity.DOUBT,
        "Other processes used the processor while the trial ran.",
        "Stop them, or set gates.foreign_cpu_percent so that trials wait for a quiet machine.",
    ),
    FindingKind(
        "CPU-STARVED",
        Severity.DOUBT,
        "The runner got clearly less processor time than the wall time of its inferences.",
        "The machine is shared or throttled: compare CPU time per inference, not latency.",
    ),
    FindingKind(
        "OUTLIERS",
        Severity.NOTE,
        "Some inferences took far longer than the rest; they are kept.",
        "Quote the median, and look at the latency trace for what happened then.",
    ),
    FindingKind(
        "GATE-TIMEOUT",
        Severity.DOUBT,
        "A start condition was not met in time and the trial ran all the same.",
        "Give the gate more time, or remove what keeps the device busy or warm.",
    ),
    FindingKind(
        "APP-COVERED",
        Severity.DOUBT,
        "Something other than the runner was in front on the phone.",
        "See what it was in the record's state; turn off updates and popups, then measure again.",
    ),
    FindingKind(
        "NOT-PREPARED",
        Severity.DOUBT,
        "A setting that the scenario asks for could not be made on this device.",
        "See the reason; take the setting out of `prepare`, or leave such devices out.",
    ),
    FindingKind(
        "PROCESS-REUSED",
        Severity.DOUBT,
        "The runner's process had already served an earlier trial: it was warm, not fresh.",
        "Close the app and open it again before each trial, or let benchfarm launch it.",
    ),
    FindingKind(
        "NO-THERMAL-SENSOR",
        Severity.NOTE,
        "No temperature can be read, so no trial waited for the device to cool down.",
        "Leave time between trials by hand, and look at drift; a sensor is better.",
    ),
    FindingKind(
        "START-STATE",
        Severity.DOUBT,
        "The trial began in a state that is not the device's usual one.",
        "Look at the start values in the record; bring the device back and measure again.",
    ),
    FindingKind(
        "THERMAL-THROTTLED",
        Severity.DOUBT,
        "Heat slowed the device down during the timed part.",
        "Cool the device or shorten the load; for speed under heat use the sustained load.",
    ),
    FindingKind(
        "BLOCKS-REPEATED",
        Severity.NOTE,
        "Sensors saw blocks disturbed; they were done again, and the numbers are of the others.",
        "Compare with the estimate over all blocks, which stands beside.",
    ),
    FindingKind(
        "STILL-DISTURBED",
        Severity.DOUBT,
        "Disturbances went on until no further block was repeated; too few quiet ones are left.",
        "Remove what disturbs the device; the finding names it.",
    ),
    FindingKind(
        "SENSOR-FAULT",
        Severity.NOTE,
        "A sensor stuck, jumped, or fell silent during the trial.",
        "Do not rely on that channel; what it would have guarded was not guarded.",
    ),
    FindingKind(
        "PROBE-EFFECT",
        Severity.DOUBT,
        "Inferences beside a reading of the sensors were slower, enough to move the mean by 1 %.",
        "Lower telemetry.rate_hz; the median suffers less than the mean.",
    ),
    FindingKind(
        "AMBIENT-UNRECORDED",
        Severity.NOTE,
        "Nobody recorded how warm the room was.",
        "Set ambient in lab.yaml: degrees Celsius, a sensor's file, or a serial sensor.",
    ),
    FindingKind(
        "NEIGHBOUR-LOAD",
        Severity.NOTE,
        "The lab machine was busy, with trials on other devices or otherwise.",
        "Run fewer devices at once on this host, or give them another one.",
    ),
    FindingKind(
        "GOVERNOR-NOT-FIXED",
        Severity.NOTE,
        "The processor's frequency is free to move.",
        "For a lab machine, set the performance governor; the choice is recorded either way.",
    ),
    FindingKind(
        "UNTRUSTED-CLOCK",
        Severity.DOUBT,
        "A latency was zero, negative or out of order.",
        "The device's monotonic clock misbehaves; do not use this trial.",
    ),
    FindingKind(
        "DROPPED-FRAMES",
        Severity.NOTE,
        "The device could not keep the arrival rate; some frames were never processed.",
        "Lower the rate, or report the drop rate beside the latency.",
    ),
    FindingKind(
        "SHORT-MEMORY-WAIT",
        Severity.NOTE,
        "Steady memory was read after less than five minutes of work.",
        "Set memory.settle_minutes to 5 for reported numbers.",
    ),
    FindingKind(
        "FELL-BACK",
        Severity.INVALID,
        "The delegate took nothing of the graph: the numbers are those of the CPU.",
        "Read the witnesses in the record for the reason; measure delegate cpu under its own name.",
    ),
    FindingKind(
        "PLACEMENT-UNPROVEN",
        Severity.NOTE,
        "Nothing shows whether the graph ran on the delegate that was asked for.",
        "Do not credit the delegate with the number; use an engine build that tells its placement.",
    ),
    FindingKind(
        "OUTPUT-MISMATCH",
        Severity.DOUBT,
        "For the same input the results are far from those of the CPU.",
        "Check the model's accuracy on this delegate before using its speed.",
    ),
    FindingKind(
        "POWER-INTEGRITY",
        Severity.DOUBT,
        "Some readings of power were left out, or look odd; the energy rests on the others.",
        "Look at the trace of the power source; repeat if it happens often.",
    ),
    FindingKind(
        "ENERGY-UNCERTAIN",
        Severity.DOUBT,
        "The energy is less certain than 5 %, because of idle power or too short a run.",
        "Measure longer, keep the device quieter at idle, or repeat with more trials.",
    ),
    FindingKind(
        "ENERGY-REFUSED",
        Severity.DOUBT,
        "The scenario asks for energy, and no source of power could be trusted with it.",
        "See each source's reason; take the device off the charger, or use rails or a meter.",
    ),
    FindingKind(
        "RECOVERED",
        Severity.INVALID,
        "The trial was cut off; these are the blocks that had been stored by then.",
        "Resume the run to measure the trial again.",
    ),
    FindingKind(
        "SEPARATE-SESSIONS",
        Severity.DOUBT,
        "The two sides were measured one after the other; what changed in between is in the ratio.",
        "Measure both sides in one run with the interleaved order.",
    ),
    FindingKind(
        "UNIT-UNTRUSTED",
        Severity.DOUBT,
        "On this unit, too many comparisons of equal arms were called different.",
        "Find what disturbs the unit, calibrate it again, or measure more quads a comparison.",
    ),
    FindingKind(
        "CALIBRATION-VOID",
        Severity.NOTE,
        "The unit was calibrated on another build of its operating system.",
        "Run `benchfarm calibrate` again; until then its false-alarm rate is unknown.",
    ),
    FindingKind(
        "SINGLE-UNIT",
        Severity.NOTE,
        "One device stands for all of its model; units of one model differ.",
        "Claim it for this unit only, or measure several units of the model.",
    ),
    FindingKind(
        "SYNTHETIC-MODEL",
        Severity.NOTE,
        "The weights are seeded random numbers: speed and size are real, accuracy has no meaning.",
        "Use a trained model where accuracy matters.",
    ),
    FindingKind(
        "LOW-AGREEMENT",
        Severity.DOUBT,
        "The variant's outputs are far from those of its float32 original.",
        "Measure its accuracy before using it; try more bits, or protect layers with a policy.",
    ),
    FindingKind(
        "RANDOM-CALIBRATION",
        Severity.NOTE,
        "The model was quantized with random calibration data.",
        "Fine for speed; calibrate with real samples before judging accuracy.",
    ),
)

KINDS: dict[str, FindingKind] = {kind.id: kind for kind in _KINDS}


def finding(kind_id: str, seen: str) -> Finding:
    """Make a finding of a known kind; ``seen`` says what was observed, with figures."""
    kind = KINDS[kind_id]
    return Finding(kind.id, kind.severity, seen, kind.advice)
