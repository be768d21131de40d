"""The runner on the phone: installed when it is not there, under the name of its build."""

from __future__ import annotations

import zipfile
from pathlib import Path

from device_agents.android.packages import RunnerFile, runner_apk, runner_jar
from device_agents.android.parse.answers import install_problem, package_paths
from device_agents.android.phone import Phone
from device_agents.android.shell import quote
from device_agents.android.store import HOME, STORE, PhoneStore
from harness.clock import CancelToken, Deadline
from harness.errors import CapabilityMissing, DeviceError, DeviceTimeout

#: Somebody may have to confirm it on the screen; nobody waits longer.
INSTALL_TIMEOUT_S = 120.0


def require_apk(
    phone: Phone, abis: tuple[str, ...], engine: str, folder: Path | None
) -> RunnerFile:
    """The APK with ``engine`` for this phone; raises CapabilityMissing where there is none."""
    found = runner_apk(abis, engine, folder)
    if isinstance(found, str):
        raise CapabilityMissing(phone.device_id, found)
    return found


def install(
    phone: Phone, store: PhoneStore, apk: RunnerFile, deadline: Deadline, cancel: CancelToken
) -> None:
    """Install ``apk`` unless it is there; raises DeviceError with the phone's reason and advice."""
    package = quote(apk.application_id)
    answer = phone.run(f"pm path {package}", deadline, cancel, check=False)
    if package_paths(answer.text):
        return
    store.push(apk.path, apk.sha256, deadline, cancel)
    command = f"pm install -r {STORE}/{apk.sha256}"
    patience = Deadline(phone.clock, min(INSTALL_TIMEOUT_S, deadline.remaining_s))
    try:
        said = phone.run_apart(command, patience, cancel, check=False)
    except DeviceTimeout:
        raise DeviceTimeout(
            phone.device_id,
            f"the runner's installation was not finished within {patience.seconds:.0f} s; look at "
            "the phone's screen and allow installing over USB",
        ) from None
    problem = install_problem(said.text + said.error_text)
    if problem is not None:
        raise DeviceError(phone.device_id, f"cannot install the runner: {problem}")


def push_bare_runner(
    phone: Phone,
    store: PhoneStore,
    apk: RunnerFile,
    work: Path,
    folder: Path | None,
    deadline: Deadline,
    cancel: CancelToken,
) -> tuple[str, str]:
    """For ``app_process``: the jar and the APK's libraries; their paths on the phone.

    ``work`` is a folder of this host for unpacking.
    """
    jar = runner_jar(folder)
    store.push(jar.path, jar.sha256, deadline, cancel)
    libraries = f"{HOME}/libs-{apk.build}"
    there = phone.run(f"[ -f {libraries}/complete ]", deadline, cancel, check=False)
    if there.returncode:
        phone.run(f"mkdir -p {libraries}", deadline, cancel)
        for name, data in _libraries(apk):
            unpacked = work / name
            unpacked.write_bytes(data)
            store.send_as(unpacked, f"{libraries}/{name}", deadline, cancel)
            unpacked.unlink()
        phone.run(f"echo >{libraries}/complete", deadline, cancel)
    return f"{STORE}/{jar.sha256}", libraries


def _libraries(apk: RunnerFile) -> list[tuple[str, bytes]]:
    prefix = f"lib/{apk.abi}/"
    with zipfile.ZipFile(apk.path) as archive:
        return [
            (Path(name).name, archive.read(name))
            for name in archive.namelist()
            if name.startswith(prefix) and name.endswith(".so")
        ]
