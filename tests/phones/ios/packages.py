"""Makes ``.ipa`` files for simulated phones: only the files that the system looks at."""

from __future__ import annotations

import plistlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

from phones.ios.apps import RUNNER_BUNDLE


def make_ipa(
    path: Path,
    *,
    bundle_id: str = RUNNER_BUNDLE,
    version: str = "1.0",
    team: str = "BENCHFARM1",
    signed: bool = True,
    udids: Iterable[str] | None = None,
    minimum_ios: str = "15.0",
) -> Path:
    """Write a package; ``udids`` limits it to some phones, as development profiles do."""
    root = "Payload/BenchfarmRunner.app"
    info = {
        "CFBundleIdentifier": bundle_id,
        "CFBundleName": "benchfarm",
        "CFBundleDisplayName": "benchfarm",
        "CFBundleExecutable": "BenchfarmRunner",
        "CFBundleVersion": version,
        "CFBundleShortVersionString": version,
        "MinimumOSVersion": minimum_ios,
        "UIFileSharingEnabled": True,
    }
    profile: dict[str, object] = {"TeamIdentifier": [team], "Name": "simulated"}
    if udids is not None:
        profile["ProvisionedDevices"] = list(udids)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/Info.plist", plistlib.dumps(info))
        archive.writestr(f"{root}/BenchfarmRunner", b"\xcf\xfa\xed\xfe simulated")
        archive.writestr("iTunesMetadata.plist", plistlib.dumps({"itemName": "benchfarm"}))
        if signed:
            archive.writestr(f"{root}/_CodeSignature/CodeResources", plistlib.dumps({}))
            archive.writestr(
                f"{root}/embedded.mobileprovision", b"\x30\x82" + plistlib.dumps(profile)
            )
    return path
