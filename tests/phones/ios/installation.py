"""installation_proxy: what is installed, and installing it with the system's checks.

The checks are those that a lab meets: a package that is none, no signature, a profile that does not
name the phone, an upgrade by another team, a version of iOS that is too old.
"""

from __future__ import annotations

import plistlib
import re
import zipfile
from pathlib import Path
from typing import Any

from phones.ios.apps import App, app_of_bundle, read_info
from phones.ios.channel import Channel
from phones.ios.phone import Handler, Phone

_PAGE = 20
_PLIST = re.compile(rb"<\?xml.*?</plist>", re.DOTALL)
_STAGING = "/private/var/installd/Library/Caches/com.apple.mobile.installd.staging/temp.lGtXyE"
_INSTALL_STEPS = (
    ("CreatingStagingDirectory", 5),
    ("ExtractingPackage", 15),
    ("InspectingPackage", 20),
    ("PreflightingApplication", 30),
    ("VerifyingApplication", 40),
    ("CreatingContainer", 50),
    ("InstallingApplication", 60),
    ("PostflightingApplication", 70),
    ("GeneratingApplicationMap", 90),
)


class InstallRefused(Exception):
    """The error name and the description of a failed installation."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, description)
        self.name, self.description = name, description


def installation_proxy(phone: Phone) -> Handler:
    """The service of one phone."""

    async def serve(channel: Channel) -> None:
        while True:
            request = await channel.read_plist()
            command = str(request.get("Command"))
            await phone.asked(f"installation_proxy {command}")
            try:
                await _carry_out(phone, channel, command, request)
            except InstallRefused as error:
                await channel.write_plist(
                    {"Error": error.name, "ErrorDescription": error.description}
                )

    return serve


async def _carry_out(phone: Phone, channel: Channel, command: str, request: dict[str, Any]) -> None:
    options = request.get("ClientOptions") or {}
    match command:
        case "Browse":
            await _browse(phone, channel, options)
        case "Lookup":
            wanted = options.get("BundleIDs")
            found = {
                app.bundle_id: _told(app, options)
                for app in _matching(phone, options)
                if wanted is None or app.bundle_id in wanted
            }
            await channel.write_plist({"LookupResult": found, "Status": "Complete"})
        case "Install" | "Upgrade":
            await _install(phone, channel, str(request.get("PackagePath", "")), options)
        case "Uninstall":
            bundle_id = str(request.get("ApplicationIdentifier"))
            if bundle_id in phone.apps:
                await _progress(channel, (("RemovingApplication", 50),))
                phone.uninstall(bundle_id)
            await channel.write_plist({"Status": "Complete"})
        case "CheckCapabilitiesMatch":
            await channel.write_plist({"LookupResult": True, "Status": "Complete"})
        case _:
            phone.unexpected.append(f"installation_proxy {command}")
            raise InstallRefused("UnknownCommand", f"no command {command}")


async def _browse(phone: Phone, channel: Channel, options: dict[str, Any]) -> None:
    found = [_told(app, options) for app in _matching(phone, options)]
    for start in range(0, len(found), _PAGE):
        page = found[start : start + _PAGE]
        await channel.write_plist(
            {
                "CurrentAmount": len(page),
                "CurrentIndex": start,
                "CurrentList": page,
                "Status": "BrowsingApplications",
                "Total": len(found),
            }
        )
    await channel.write_plist({"Status": "Complete"})


def _matching(phone: Phone, options: dict[str, Any]) -> list[App]:
    kind = options.get("ApplicationType", "Any")
    return [app for app in phone.apps.values() if kind in {"Any", app.kind}]


def _told(app: App, options: dict[str, Any]) -> dict[str, Any]:
    told, wanted = app.description(), options.get("ReturnAttributes")
    return told if not wanted else {name: told[name] for name in wanted if name in told}


async def _install(phone: Phone, channel: Channel, package: str, options: dict[str, Any]) -> None:
    media = (phone.folder / "media").resolve()
    path = (media / package.lstrip("/")).resolve()
    if not path.is_relative_to(media) or not path.exists():
        raise InstallRefused("InvalidPackagePath", f"no package at {package}")
    await _progress(channel, _INSTALL_STEPS[:4])
    app = _checked(phone, path)
    await _progress(channel, _INSTALL_STEPS[4:])
    phone.install(app)
    phone.log("installd[60]", f"installed {app.bundle_id} {app.version}")
    await channel.write_plist({"Status": "Complete"})


async def _progress(channel: Channel, steps: tuple[tuple[str, int], ...]) -> None:
    for status, percent in steps:
        await channel.write_plist({"Status": status, "PercentComplete": percent})


def _checked(phone: Phone, path: Path) -> App:
    """The app in a package, or the reason why the system does not take it."""
    if phone.condition.storage_full:
        raise InstallRefused("NotEnoughSpace", "There is not enough storage to install the app.")
    try:
        files = _files(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InstallRefused(
            "PackageExtractionFailed", f"Could not extract archive: {error}"
        ) from error
    root = next((name[: -len("Info.plist")] for name in files if _is_info(name)), None)
    if root is None:
        raise InstallRefused("PackageInspectionFailed", "Failed to load Info.plist from bundle.")
    try:
        info = read_info(files[f"{root}Info.plist"])
    except (ValueError, plistlib.InvalidFileException) as error:
        raise InstallRefused("PackageInspectionFailed", f"Bad Info.plist: {error}") from error
    team = _team(phone, root, files)
    return _compatible(phone, info, app_of_bundle(info, team))


def _compatible(phone: Phone, info: dict[str, Any], app: App) -> App:
    least = str(info.get("MinimumOSVersion", "1"))
    if tuple(int(part) for part in least.split(".")) > phone.profile.version:
        raise InstallRefused(
            "DeviceOSVersionTooLow",
            f"The system version is lower than the minimum OS version specified for bundle: "
            f"{app.bundle_id}. Have {phone.profile.ios}; need {least}",
        )
    old = phone.apps.get(app.bundle_id)
    if old is not None and old.team != app.team:
        raise InstallRefused(
            "MismatchedApplicationIdentifierEntitlement",
            f"Upgrade's application-identifier entitlement string ({app.team}.{app.bundle_id}) "
            "does not match installed application's application-identifier string "
            f"({old.team}.{old.bundle_id}); rejecting upgrade.",
        )
    return app


def _team(phone: Phone, root: str, files: dict[str, bytes]) -> str:
    """The team that signed; refused without a signature and a profile for this phone."""
    where = f"Failed to verify code signature of {_STAGING}/extracted/{root.rstrip('/')} : "
    if f"{root}_CodeSignature/CodeResources" not in files:
        raise InstallRefused(
            "ApplicationVerificationFailed",
            where + "0xe800801c (No code signature found.)",
        )
    profile = _PLIST.search(files.get(f"{root}embedded.mobileprovision", b""))
    if profile is None:
        raise InstallRefused(
            "ApplicationVerificationFailed",
            where + "0xe8008015 (A valid provisioning profile for this executable was not found.)",
        )
    content = plistlib.loads(profile.group())
    devices = content.get("ProvisionedDevices")
    if devices is not None and phone.udid not in devices:
        raise InstallRefused(
            "ApplicationVerificationFailed",
            where + "0xe8008012 (This provisioning profile cannot be installed on this device.)",
        )
    return str(content.get("TeamIdentifier", ["UNKNOWN"])[0])


def _files(path: Path) -> dict[str, bytes]:
    """The small files of a package that are looked at: a zip, or a folder as developers push it."""
    if path.is_dir():
        return {
            str(file.relative_to(path.parent)): file.read_bytes()
            for file in path.rglob("*")
            if file.is_file()
        }
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def _is_info(name: str) -> bool:
    parts = name.split("/")
    return parts[-1] == "Info.plist" and len(parts) >= 2 and parts[-2].endswith(".app")
