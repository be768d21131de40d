"""The runner app on the phone: installed or upgraded from a signed ``.ipa`` of the lab."""

from __future__ import annotations

import os
import plistlib
import re
import secrets
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device_agents.android.parse.text import printable
from device_agents.ios.errors import NO_APP, names_of
from device_agents.ios.parse.installation import install_problem
from device_agents.ios.phone import RUNNER_BUNDLE, Connections, Phone
from harness.clock import CancelToken, Deadline
from harness.errors import CapabilityMissing, DeviceError, UserError

VARIABLE = "BENCHFARM_IPA"
_STAGING = "PublicStaging"
_CHUNK_BYTES = 4 << 20
_INFO = re.compile(r"Payload/[^/]+\.app/Info\.plist")


@dataclass(frozen=True, slots=True)
class Package:
    """A signed app on this host."""

    path: Path
    bundle_id: str
    version: str


def package_at(path: Path) -> Package:
    """The app in a ``.ipa``; raises UserError for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(filter(_INFO.fullmatch, archive.namelist()), None)
            info = plistlib.loads(archive.read(name)) if name is not None else None
    except Exception as error:  # zip files and property lists can be broken in many ways
        raise UserError(f"{path} is no .ipa: {printable(str(error))}") from error
    if not isinstance(info, dict):
        raise UserError(f"{path} is no .ipa: no app in it")
    bundle_id = printable(str(info.get("CFBundleIdentifier", "")))
    if bundle_id != RUNNER_BUNDLE:
        raise UserError(f"{path} holds {bundle_id or 'nothing'}, not {RUNNER_BUNDLE}")
    return Package(path, bundle_id, str(info.get("CFBundleVersion", "")))


def require_app(phone: Phone, deadline: Deadline, cancel: CancelToken) -> None:
    """See to it that the runner app is there, in the version of BENCHFARM_IPA if that is set.

    Raises CapabilityMissing where it is missing and nobody says where to take it from.
    """
    there = installed_version(phone, deadline, cancel)
    given = os.environ.get(VARIABLE)
    if not given:
        if there is None:
            raise CapabilityMissing(phone.device_id, NO_APP)
        return
    package = package_at(Path(given))
    if there != package.version:
        install(phone, package, there is not None, deadline, cancel)


def installed_version(phone: Phone, deadline: Deadline, cancel: CancelToken) -> str | None:
    """The version of the runner app on the phone, None where there is none."""

    async def look(connections: Connections) -> str | None:
        from pymobiledevice3.services.installation_proxy import InstallationProxyService

        options = {
            "BundleIDs": [RUNNER_BUNDLE],
            "ReturnAttributes": ["CFBundleIdentifier", "CFBundleVersion"],
        }
        async with InstallationProxyService(await connections.lockdown()) as proxy:
            found = (await proxy.lookup(options) or {}).get(RUNNER_BUNDLE)
        return None if found is None else str(found.get("CFBundleVersion", ""))

    return phone.call("look for the runner app", look, deadline, cancel)


def install(
    phone: Phone, package: Package, upgrade: bool, deadline: Deadline, cancel: CancelToken
) -> None:
    """Install the app, or upgrade it; raises DeviceError with the phone's reason and advice."""

    async def put(connections: Connections) -> str | None:
        from pymobiledevice3.services.afc import AfcService
        from pymobiledevice3.services.installation_proxy import InstallationProxyService

        lockdown = await connections.lockdown()
        target = f"/{_STAGING}/benchfarm-{secrets.token_hex(4)}.ipa"
        async with AfcService(lockdown) as files, InstallationProxyService(lockdown) as proxy:
            await files.makedirs(f"/{_STAGING}")
            try:
                handle = await files.fopen(target, "w")
                with package.path.open("rb") as data:
                    while piece := data.read(_CHUNK_BYTES):
                        await files.fwrite(handle, piece)
                await files.fclose(handle)
                command = "Upgrade" if upgrade else "Install"
                await proxy.send_package(command, {}, None, target)
            except Exception as error:
                if "AppInstallError" not in names_of(error):
                    raise
                return str(error)
            finally:
                with suppress(Exception):
                    await files.rm_single(target, force=True)
        await connections.close_documents()
        return None

    said = phone.call(f"install {package.path.name}", put, deadline, cancel)
    if said is not None:
        raise DeviceError(
            phone.device_id, f"cannot install {package.path}: {install_problem(said)}"
        )
