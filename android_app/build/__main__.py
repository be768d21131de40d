"""The command line of the build."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from android_app.build import app_tests, artefacts, desktop, runners
from android_app.build.errors import ArtefactUnavailable, BuildError, ToolMissing, Unpinned
from android_app.build.layout import ABIS, CHECKOUT, FLAVOURS, OUTPUT

_GOLDEN = CHECKOUT / "tests" / "golden" / "wire"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with one line on stderr when not."""
    parser = argparse.ArgumentParser(prog="python -m android_app.build", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("apk", help="signed APKs and the jar for app_process")
    build.add_argument("--flavour", choices=list(FLAVOURS), default="tflite")
    build.add_argument("--abi", choices=ABIS, action="append", help="default: every ABI")
    build.add_argument("--output", type=Path, default=OUTPUT)
    build.add_argument("--accept-licence", action="store_true", help="of a flavour for oneself")
    build.add_argument("--where-possible", action="store_true", help="say why not, and go on")
    build.set_defaults(call=_build)
    test = commands.add_parser("test", help="the JUnit tests of core and app, on this JVM")
    test.set_defaults(call=_test)
    pin = commands.add_parser("pin", help="write the checksums of artefacts anew")
    pin.add_argument("profile", nargs="+", help="profiles of pom.xml")
    pin.set_defaults(call=_pin)
    options = parser.parse_args(arguments)
    try:
        return int(options.call(options))
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _build(options: argparse.Namespace) -> int:
    flavour = FLAVOURS[options.flavour]
    if flavour.licence and not options.accept_licence:
        raise BuildError(
            f"flavour {flavour.name} holds {flavour.licence}: read it, build for yourself only, "
            f"and say so with --accept-licence"
        )
    try:
        paths = runners.build([flavour], options.abi or (), options.output)
    except (ToolMissing, ArtefactUnavailable, Unpinned) as error:
        if not options.where_possible:
            raise
        _say(f"no Android runner here: {error}")
        return 0
    listing = runners.read_listing(options.output)
    for path in paths:
        entry = listing[path.name]
        _say(f"{path}  {entry['size_bytes']:,} bytes  sha256 {entry['sha256']}")
        if entry["application_id"]:
            _say(f"  {entry['application_id']}")
    return 0


def _test(_: argparse.Namespace) -> int:
    commands = [desktop.test_command({"golden": str(_GOLDEN)}), app_tests.command()]
    environment = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}  # no database in the home
    runs = (subprocess.run(command, env=environment, check=False) for command in commands)
    return max(run.returncode for run in runs)


def _pin(options: argparse.Namespace) -> int:
    changed = artefacts.pin(options.profile)
    _say("\n".join(changed) if changed else "every checksum stands already")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
