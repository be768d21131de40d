"""What an APK has to be before it leaves the build."""

from __future__ import annotations

import zipfile
from pathlib import Path

from android_app.build import aligned_zip, elf, signing
from android_app.build.errors import BuildError
from android_app.build.layout import Flavour

#: Pages of the newest phones; a library that begins on such a boundary can be mapped everywhere.
PAGE_BYTES = 16384
#: ``resources.arsc`` has to be stored and aligned like this from targetSdk 30 on.
_TABLE_BYTES = 4
#: Libraries whose makers link for 4 KB pages. A phone with 16 KB pages runs them in its
#: compatibility mode only, or not at all; docs/android-runner.md has the figures.
SMALL_PAGES = frozenset({"libtensorflowlite_jni.so", "libtensorflowlite_gpu_jni.so"})
_ABIS_OF_64_BIT = ("arm64-v8a", "x86_64")


def check_apk(path: Path, flavour: Flavour) -> None:
    """Raise BuildError for a wrong alignment, a size beyond the budget, or a bad signature."""
    _check_size(path, flavour)
    _check_entries(path)
    _check_libraries(path)
    signing.verify(path)


def _check_size(path: Path, flavour: Flavour) -> None:
    size = path.stat().st_size
    if size > flavour.budget_bytes:
        raise BuildError(
            f"{path.name} has {size:,} bytes, more than its budget of {flavour.budget_bytes:,}"
        )


def _check_entries(path: Path) -> None:
    """Libraries and the resource table are stored where the system can map them."""
    offsets = aligned_zip.data_offsets(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            wanted = alignment_of(name)
            if wanted and (name not in offsets or offsets[name] % wanted):
                raise BuildError(f"{path.name}: {name} is not stored at a multiple of {wanted}")


def alignment_of(name: str) -> int:
    """The boundary at which an entry has to be stored; 0 for one that may be compressed."""
    if name.endswith(".so"):
        return PAGE_BYTES
    return _TABLE_BYTES if name == "resources.arsc" else 0


def _check_libraries(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                check_library(name, archive.read(name))


def check_library(name: str, content: bytes) -> None:
    """Refuse a 64-bit library for small pages, unless it is a known one or not for the CPU."""
    _, abi, file = name.split("/")
    try:
        alignment = elf.load_alignment(content)
    except elf.NotElf as error:
        raise BuildError(f"{name}: {error}") from None
    if elf.is_hexagon(content):
        return
    small = abi in _ABIS_OF_64_BIT and alignment < PAGE_BYTES
    if small and file not in SMALL_PAGES:
        raise BuildError(
            f"{name} is linked for pages of {alignment} bytes; phones with 16 KB pages need "
            f"{PAGE_BYTES}: take a newer one, or add it to SMALL_PAGES with the reason"
        )
