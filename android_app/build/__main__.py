"""The command line of the build."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from android_app.build import apk, artefacts, desktop
from android_app.build.errors import BuildError
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
    build.set_defaults(call=_build)
    test = commands.add_parser("test", help="the core's JUnit tests, on this machine's JVM")
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
    with apk.compiled(FLAVOURS[options.flavour]) as code:
        paths = [apk.write_apk(code, abi, options.output) for abi in options.abi or ABIS]
        paths.append(apk.write_jar(code, options.output))
        _say(f"build {code.build}, application id {apk.application_id(code)}")
    for path in paths:
        _say(f"{path}  {path.stat().st_size:,} bytes  sha256 {artefacts.sha256(path)}")
    return 0


def _test(_: argparse.Namespace) -> int:
    return subprocess.run(desktop.test_command({"golden": str(_GOLDEN)}), check=False).returncode


def _pin(options: argparse.Namespace) -> int:
    changed = artefacts.pin(options.profile)
    _say("\n".join(changed) if changed else "every checksum stands already")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
