"""``PYTHONPATH=tests python -m phones.ios``: simulated iPhones for a shell.

Prints the environment that clients need and what the phones are called; then takes commands, one
to a line, until it is interrupted::

    fault 0 drop-link@push:1000000     arm a fault on phone 0 (phones.faults)
    open 0                             open the runner app by hand
    asked 0                            what phone 0 was asked for, and what it did not know
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from phones.faults import BadFault
from phones.ios.app_process import reference_program, scripted_program
from phones.ios.farm import Farm
from phones.ios.profiles import PROFILES


def main(arguments: list[str] | None = None) -> None:
    """Serve phones until interrupted."""
    parser = argparse.ArgumentParser(prog="phones.ios", description="simulated iPhones")
    parser.add_argument("--profile", action="append", choices=sorted(PROFILES), default=[])
    parser.add_argument("--recording", action="append", type=Path, default=[])
    parser.add_argument("--count", type=int, default=1, help="phones of each profile")
    parser.add_argument("--unpaired", action="store_true", help="no host is trusted yet")
    parser.add_argument("--infer", action="store_true", help="real inference, by the local runner")
    options = parser.parse_args(arguments)
    program = reference_program if options.infer else scripted_program
    asked = options.profile + options.recording or parser.error("name a profile or a recording")
    profiles = [each for each in asked for _ in range(options.count)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        tempfile.TemporaryDirectory(prefix="simulated-iphones-") as folder,
        Farm(Path(folder), profiles, paired=not options.unpaired, program=program) as farm,
        suppress(KeyboardInterrupt),
    ):
        print(_introduction(farm), flush=True)
        for line in sys.stdin:
            print(_obey(farm, line.split()), flush=True)
        signal.pause()  # without a terminal: until a signal


def _introduction(farm: Farm) -> str:
    exports = [
        f"export {name}={value}" for name, value in farm.environment.items() if name != "HOME"
    ]
    told = [
        f"# {phone.number}: {phone.udid}  {phone.profile.marketing_name}, iOS {phone.profile.ios}"
        for phone in farm.phones
    ]
    return "\n".join(exports + told)


def _obey(farm: Farm, words: list[str]) -> str:
    try:
        match words:
            case ["fault", number, text]:
                farm.fault(int(number), text)
            case ["open", number]:
                farm.open_app(int(number))
            case ["asked", number]:
                phone = farm.phones[int(number)]
                return "\n".join(phone.requests + [f"unknown: {it}" for it in phone.unexpected])
            case _:
                return "say: fault N WHAT@WHEN | open N | asked N"
    except (BadFault, ValueError, IndexError) as error:
        return f"error: {error}"
    return "done"


if __name__ == "__main__":
    main()
