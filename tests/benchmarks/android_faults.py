"""Every fault at every phase of a trial on a simulated phone.

What must hold whatever happens: the trial ends in time, with a record whose cause fits; the phone's
settings are as they were before; the next trial works.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass

from harness.record import Cause, Outcome, TrialRecord
from harness.scenario import Burst, Prepare, Warmup
from tests.benchmarks import _android as android

#: What of a trial a fault waits for.
WHEN = {
    "acquire": "command:dumpsys battery",
    "prepare": "command:settings list",
    "settings": "command:settings put",
    "push": "push:50000",
    "pushed": "command:sha256sum",
    "launch": "command:am start",
    "started": "phase:launch",
    "load": "phase:load",
    "warm": "phase:block",
    "measure": "phase:block:2",
    "collect": "command:logcat",
    "restore": "command:am force-stop",
}
#: The causes that a fault may have; a trial that ends well is always fine where it can.
_GONE = {Cause.OFFLINE, Cause.TIMEOUT}
ALLOWED = {
    "drop-link": {Cause.OFFLINE},
    "drop-link=1": {Cause.OFFLINE},
    "freeze=1": {Cause.TIMEOUT, Cause.OFFLINE},
    "reboot": {*_GONE, Cause.CRASHED, Cause.ERROR},
    "vanish": {*_GONE, Cause.CRASHED},
    "unauthorized": _GONE,
    "offline": _GONE,
    "out-of-memory": {Cause.CRASHED},
    "crash": {Cause.CRASHED},
    "not-responding": {Cause.TIMEOUT, Cause.CRASHED},
    "storage-full": {Cause.ERROR},
    "prompt": {Cause.TIMEOUT},
    "popup": set(),
}
#: A trial with one of these must not take longer; all limits are set to seconds here.
LIMIT_S = 60.0
_PREPARE = Prepare(brightness_percent=0)


@dataclass(frozen=True)
class Result:
    """What became of one combination; ``problems`` is empty when everything held."""

    fault: str
    when: str
    seconds: float
    record: TrialRecord
    problems: tuple[str, ...]


def combinations() -> list[tuple[str, str]]:
    """Every fault with every phase."""
    return list(itertools.product(ALLOWED, WHEN))


def run_one(bench: android.Bench, phone: android.PhoneHandle, fault: str, when: str) -> Result:
    """One trial with a fault, and one without after it."""
    android.make_well(bench.lab, phone)
    before = phone.report()["settings"]
    bench.new_model(android.MODEL_BYTES)
    device = bench.open(phone)
    phone.fault(f"{fault}@{WHEN[when]}")
    begun = time.monotonic()
    load = Burst(Warmup(rule="fixed", min_seconds=0, min_inferences=3), inferences=100)
    record = bench.trial(device, load, _PREPARE)
    seconds = time.monotonic() - begun
    device.close()
    problems = list(_judge(record, fault, seconds))
    android.make_well(bench.lab, phone)
    problems += _aftermath(bench, phone, before)
    return Result(fault, when, seconds, record, tuple(problems))


def _judge(record: TrialRecord, fault: str, seconds: float) -> list[str]:
    problems = []
    if seconds > LIMIT_S:
        problems.append(f"took {seconds:.0f} s")
    if record.failure is None:
        if record.outcome is not Outcome.OK:
            problems.append(f"outcome {record.outcome}")
    elif record.failure.cause not in ALLOWED[fault]:
        problems.append(f"cause {record.failure.cause}: {record.failure.message}")
    elif not record.failure.message.startswith("android:"):
        problems.append(f"names no device: {record.failure.message}")
    return problems


def _aftermath(bench: android.Bench, phone: android.PhoneHandle, before: object) -> list[str]:
    """The next run finds the phone as it was, and measures."""
    problems = []
    device = bench.open(phone)
    record = bench.trial(device, None, Prepare(stay_awake=False, animations=True))
    if record.outcome is not Outcome.OK:
        problems.append(f"next trial: {record.failure}")
    device.close()
    after = phone.report()["settings"]
    if after != before:
        problems.append(f"settings differ: {_difference(before, after)}")
    return problems


def _difference(before: object, after: object) -> str:
    pairs = ((table, key) for table in before for key in {*before[table], *after[table]})  # type: ignore[attr-defined,index]
    return ", ".join(
        f"{key}: {before[table].get(key)} -> {after[table].get(key)}"  # type: ignore[index]
        for table, key in pairs
        if before[table].get(key) != after[table].get(key)  # type: ignore[index]
    )


def main() -> int:
    """Run the campaign (or the faults named on the command line) and print what did not hold."""
    android.be_impatient()
    names = {word for word in sys.argv[1:] if not word.startswith("-")}
    wanted = [pair for pair in combinations() if not names or names & set(pair)]
    bad = 0
    slowest = 0.0
    outcomes: dict[str, int] = {}
    with android.Lab("pixel8", latency_ms=2.0) as lab, android.bench(lab) as bench:
        for fault, when in wanted:
            result = run_one(bench, lab.phones[0], fault, when)
            failure = result.record.failure
            outcome = failure.cause.value if failure else "OK"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            slowest = max(slowest, result.seconds)
            if result.problems:
                bad += 1
                print(f"{fault} at {when}: {'; '.join(result.problems)}", flush=True)
            elif "-v" in sys.argv:
                print(f"{fault} at {when}: {outcome}, {result.seconds:.1f} s", flush=True)
    print(
        f"{len(wanted)} combinations of fault and phase, {bad} where something did not hold; "
        f"slowest trial {slowest:.1f} s; outcomes {outcomes}"
    )
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
