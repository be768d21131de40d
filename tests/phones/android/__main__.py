"""``python -m phones.android``: simulated phones and a private adb server, until Ctrl-C.

::

    PYTHONPATH=tests python -m phones.android --profile pixel8 --count 3

prints what a shell needs to meet them. With ``--json`` it prints one line for a program, and ends
with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from phones.android import rootfs
from phones.android.adb_program import AdbServer, find_adb
from phones.android.farm import Farm
from phones.android.phone import Options
from phones.android.profiles import PROFILES, Profile, recorded


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m phones.android", description=__doc__)
    parser.add_argument("--profile", action="append", choices=sorted(PROFILES), default=[])
    parser.add_argument("--count", type=int, default=1, help="phones of each profile")
    parser.add_argument("--recording", action="append", type=Path, default=[])
    parser.add_argument("--runner", choices=("scripted", "jvm"), default="scripted")
    parser.add_argument("--adb", default="system", help="system, bundled, or a path")
    parser.add_argument("--latency-ms", type=float, default=5.0, help="of a scripted inference")
    parser.add_argument("--time-factor", type=float, default=1.0, help="of heat and battery")
    parser.add_argument("--json", action="store_true", help="for a program, not a person")
    return parser.parse_args()


def main() -> int:
    """Run until asked to stop; the exit code."""
    arguments = _arguments()
    reason = rootfs.missing() or ("" if find_adb(arguments.adb) else "there is no such adb")
    if reason:
        print(reason, file=sys.stderr)
        return 1
    if sys.version_info < (3, 12):  # from then on this is the default
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    folder = Path(tempfile.mkdtemp(prefix="phones-"))
    folder.chmod(0o755)
    try:
        asyncio.run(_run(arguments, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _run(arguments: argparse.Namespace, folder: Path) -> None:
    server = AdbServer(find_adb(arguments.adb), folder / "home")
    await server.start()
    options = Options(
        java=_java() if arguments.runner == "jvm" else (),
        latency_s=arguments.latency_ms / 1000,
        time_factor=arguments.time_factor,
        adb_port=server.port,
    )
    environment = dict(server.environment)
    if arguments.runner == "jvm":
        environment |= _files_for_a_jvm(folder / "runner-files")
    farm = Farm(folder, options)
    names = arguments.profile or ([] if arguments.recording else ["pixel8"])
    profiles: list[Profile] = [PROFILES[name] for name in names for _ in range(arguments.count)]
    profiles += [recorded(path) for path in arguments.recording]
    try:
        await farm.start(profiles)
        _tell(arguments, farm, environment)
        await _until_told(arguments)
    finally:
        await server.stop()
        await farm.stop()


def _java() -> tuple[str, ...]:
    from android_app.build import desktop

    return desktop.command()


def _files_for_a_jvm(folder: Path) -> dict[str, str]:
    """The built runner under the flavour of the engine that the core has on a JVM.

    Nothing where the runner was not built: `make android`.
    """
    from device_agents.android.packages import runner_files
    from harness.errors import UserError

    try:
        files = runner_files()
    except UserError:
        return {}
    folder.mkdir()
    listed = {}
    for file in files:
        (folder / file.path.name).symlink_to(file.path)
        entry = {"abi": file.abi, "build": file.build, "sha256": file.sha256}
        listed[file.path.name] = {
            **entry,
            "flavour": "onnxruntime" if file.abi else file.flavour,
            "application_id": file.application_id,
        }
    (folder / "runners.json").write_text(json.dumps({"runners": listed}))
    return {"BENCHFARM_RUNNER_FILES": str(folder)}


def _tell(arguments: argparse.Namespace, farm: Farm, environment: dict[str, str]) -> None:
    ports = {serial: phone.port for serial, phone in farm.phones.items()}
    if arguments.json:
        told = {"control": str(farm.control), "phones": ports, "environment": environment}
        print(json.dumps({**told, "folder": str(farm.folder)}), flush=True)
        return
    print("Simulated phones:")
    for serial, port in ports.items():
        print(f"  {serial}  {farm.phones[serial].profile.model}  127.0.0.1:{port}")
    print("In another shell:")
    for name, value in environment.items():
        print(f"  export {name}={value}")
    print(f"Orders, one JSON object a line: {farm.control}")
    print("Ctrl-C ends them.", flush=True)


async def _until_told(arguments: argparse.Namespace) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    # A signal that is ignored here (nohup) is ignored by every program that is started, and on a
    # phone nothing would end with its link. One that has a handler is not.
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    loop.add_signal_handler(signal.SIGHUP, (lambda: None) if nohup else told.set)
    if arguments.json:

        def told_by_end() -> None:
            if not os.read(sys.stdin.fileno(), 1):
                told.set()

        loop.add_reader(sys.stdin.fileno(), told_by_end)
    await told.wait()


if __name__ == "__main__":
    sys.exit(main())
