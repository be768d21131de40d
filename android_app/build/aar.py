"""Android library archives: their classes, native libraries and licences."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from android_app.build.layout import ABIS


@dataclass(frozen=True, slots=True)
class Library:
    """What an APK takes from one archive; native libraries by ABI and file name."""

    name: str
    classes: Path
    native: dict[str, dict[str, bytes]] = field(default_factory=dict)
    licence: str = ""


def unpack(name: str, archive: Path, folder: Path) -> Library:
    """Read an AAR; its ``classes.jar`` is written to ``folder``."""
    classes = folder / f"{name}.jar"
    native: dict[str, dict[str, bytes]] = {abi: {} for abi in ABIS}
    licences = []
    with zipfile.ZipFile(archive) as given:
        classes.write_bytes(given.read("classes.jar"))
        for entry in sorted(given.namelist()):
            parts = entry.split("/")
            if len(parts) == 3 and parts[0] == "jni" and parts[1] in native:
                native[parts[1]][parts[2]] = given.read(entry)
            elif len(parts) == 1 and parts[0].upper().startswith(("LICENSE", "NOTICE", "THIRD")):
                licences.append(given.read(entry).decode("utf-8", "replace"))
    return Library(name, classes, native, "\n".join(licences))
