"""Every fault at every phase of a trial on a simulated iPhone.

What must hold whatever happens: the trial ends in time, with a record whose cause fits; a trial
that was finished before is still there; nothing is left in the user's home folder; the next trial
works.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass

from harness.record import Cause, Outcome, TrialRecord
from harness.scenario import Burst, Warmup
from tests.benchmarks import _ios as ios

#: What of a trial a fault waits for.
WHEN = {
    "acquire": "command:diagnostics",
    "prepare": "command:installation_proxy",
    "open": "command:house_arrest",
    "push": "push:50000",
    "dvt": "command:dvt launch",
    "launch": "phase:launch",
    "hello": "phase:hello",
    "load": "phase:load",
    "run": "phase:run",
    "append": "phase:append",
    "bye": "phase:bye",
}
_GONE = {Cause.OFFLINE, Cause.TIMEOUT}
#: The causes that a fault may have; a trial that ends well is always fine.
ALLOWED = {
    "drop-link": {Cause.OFFLINE},
    "freeze=1": _GONE,
    "reboot": {*_GONE, Cause.CRASHED, Cause.ERROR},
    "vanish": {*_GONE, Cause.CRASHED},
    "usb-reset": {Cause.OFFLINE},
    "unauthorized": _GONE,
    "locked": _GONE,
    "developer-off": {Cause.ERROR},
    "image-lost": {Cause.ERROR},
    "port-refused=1": {Cause.OFFLINE},
    "suspend=1": _GONE,
    "out-of-memory": {Cause.CRASHED},
    "crash": {Cause.CRASHED},
    "storage-full": {Cause.ERROR},
    "dvt-dead=1": {Cause.OFFLINE},
    "tunnel-drop=1": {Cause.OFFLINE},
}
#: A trial with one of these must not take longer; all limits are set to seconds here.
LIMIT_S = 60.0


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


def run_one(fault: str, when: str) -> Result:
    """One trial, one with a fault, and one without after it."""
    profile = "iphone15-ios18" if fault.startswith("tunnel") else "iphone12-ios16"
    with ios.bench(profile) as bench:
        first = bench.open()
        earlier = bench.trial(first)
        first.close()
        bench.new_model(200_000)  # or nothing would be pushed
        device = bench.open()
        bench.farm.fault(0, f"{fault}@{WHEN[when]}")
        begun = time.monotonic()
        load = Burst(Warmup(rule="fixed", min_seconds=0, min_inferences=3), inferences=100)
        record = bench.trial(device, load)
        seconds = time.monotonic() - begun
        device.close()
        problems = _judge(record, fault, seconds)
        if earlier.outcome is not Outcome.OK or not bench.is_kept(earlier):
            problems.append(f"the earlier trial: {earlier.outcome}, or lost")
        bench.make_well()
        problems += _aftermath(bench)
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
    elif not record.failure.message.startswith("ios:"):
        problems.append(f"names no device: {record.failure.message}")
    return problems


def _aftermath(bench: ios.Bench) -> list[str]:
    """The next trial finds the phone, and measures."""
    device = bench.open()
    record = bench.trial(device)
    device.close()
    problems = [] if record.outcome is Outcome.OK else [f"next trial: {record.failure}"]
    if left := bench.left_at_home():
        problems.append(f"left at home: {left}")
    return problems


def main() -> int:
    """Run the campaign (or the faults named on the command line) and print what did not hold."""
    ios.be_impatient()
    names = {word for word in sys.argv[1:] if not word.startswith("-")}
    wanted = [pair for pair in combinations() if not names or names & set(pair)]
    bad = 0
    slowest = 0.0
    outcomes: dict[str, int] = {}
    for fault, when in wanted:
        result = run_one(fault, when)
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
