"""What is compiled, and the id that names a build by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from android_app.build.layout import APP, PACKAGE, Flavour

_COMMON = ("app/src/main", "build", "notices")
_VERSION_FILE = APP.parent / "harness" / "__init__.py"


def java_files(folders: Iterable[Path]) -> list[Path]:
    """All Java sources under these folders, always in the same order."""
    return sorted(path for folder in folders for path in folder.rglob("*.java"))


def core_folders(names: Iterable[str]) -> list[Path]:
    """Source folders of the core: ``main`` and the engines of a flavour."""
    return [APP / "core" / "src" / name / "java" for name in ("main", *names)]


def app_folder() -> Path:
    """The sources that know Android."""
    return APP / "app" / "src" / "main" / "java"


def manifest() -> Path:
    """The app's manifest as text."""
    return APP / "app" / "AndroidManifest.xml"


def build_id(flavour: Flavour) -> str:
    """Eight hexadecimal digits of everything that goes into the flavour's APK, after a letter.

    The letter is there because the id becomes a part of the application id, and these begin with
    one.
    """
    folders = [*core_folders(flavour.sources), *(APP / each for each in _COMMON)]
    files = {path for folder in folders for path in folder.rglob("*") if _counts(path)}
    files |= {manifest(), APP / "pom.xml", APP / "checksums.txt", _VERSION_FILE}
    files.add(APP.parent / "NOTICE")
    return "b" + digest(sorted(files), flavour.name)[:8]


def digest(files: Sequence[Path], salt: str = "") -> str:
    """SHA-256 over names and contents of files inside the checkout."""
    total = hashlib.sha256(salt.encode())
    for path in files:
        content = path.read_bytes()
        total.update(f"{path.relative_to(APP.parent)}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def write_build_info(folder: Path, build: str, flavour: str) -> Path:
    """Generate the class that tells a runner what it is; returns its file."""
    path = folder.joinpath(*PACKAGE.split("."), "BuildInfo.java")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"package {PACKAGE};\n\n"
        "/** Generated: which build of the runner this is. */\n"
        "public final class BuildInfo {\n"
        f'    public static final String VERSION = "{version()}";\n'
        f'    public static final String BUILD_ID = "{build}";\n'
        f'    public static final String FLAVOUR = "{flavour}";\n\n'
        "    private BuildInfo() {}\n"
        "}\n",
        encoding="ascii",
    )
    return path


def version() -> str:
    """The version of the whole distribution."""
    text = _VERSION_FILE.read_text(encoding="utf-8")
    return text.split("__version__", 1)[1].split('"')[1]


def _counts(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"
