"""The programs a build calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from android_app.build.errors import BuildError, ToolMissing

#: Program -> Debian package that has it.
PACKAGES = {
    "java": "openjdk-17-jdk-headless",
    "javac": "openjdk-17-jdk-headless",
    "keytool": "openjdk-17-jdk-headless",
    "mvn": "maven",
    "aapt2": "aapt",
    "apksigner": "apksigner",
    "dexdump": "dexdump",
    "baksmali": "libsmali-java",
    "smali": "libsmali-java",
}
#: Resources of the framework, for aapt2; from Debian's android-framework-res (API 29).
FRAMEWORK_RESOURCES = Path("/usr/share/android-framework-res/framework-res.apk")

DESKTOP_TOOLS = ("java", "javac", "mvn")
ANDROID_TOOLS = (*DESKTOP_TOOLS, "keytool", "aapt2", "apksigner", "dexdump")

_LAST_LINES = 12


def missing(names: Sequence[str]) -> list[str]:
    """The Debian packages to install before these programs can be called."""
    found = {PACKAGES[name] for name in names if shutil.which(name) is None}
    if "aapt2" in names and not FRAMEWORK_RESOURCES.is_file():
        found.add("android-framework-res")
    return sorted(found)


def require(names: Sequence[str]) -> None:
    """Raise ToolMissing unless all these programs are installed."""
    packages = missing(names)
    if packages:
        raise ToolMissing(f"install the Debian packages {' '.join(packages)} first")


def run(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    """The standard output of a program; raises BuildError with its last words when it fails."""
    name = str(command[0])
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
    except FileNotFoundError:
        raise ToolMissing(f"{name} is not installed (Debian: {PACKAGES.get(name, name)})") from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise BuildError(f"{name} failed: " + " / ".join(lines[-_LAST_LINES:]))
    return done.stdout
