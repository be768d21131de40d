"""Compiling Java, and looking at what was compiled."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from android_app.build import tools
from android_app.build.errors import BuildError
from android_app.build.layout import NEWEST_CLASS_FILE

_CLASS_HEADER = struct.Struct(">IHH")
_CLASS_MAGIC = 0xCAFEBABE


def compile_java(
    files: Sequence[Path], output: Path, class_path: Iterable[Path], release: int = 8
) -> None:
    """Compile ``files`` into ``output``; warnings are errors. Class files hold no debug paths."""
    output.mkdir(parents=True, exist_ok=True)
    tools.run(
        [
            *("javac", "--release", str(release), "-encoding", "UTF-8", "-proc:none"),
            *("-Xlint:all,-options,-processing,-classfile", "-Werror", "-g:source,lines"),
            *("-d", output, "-cp", ":".join(map(str, [output, *class_path]))),
            *files,
        ]
    )


def check_class_files(places: Iterable[Path]) -> None:
    """Refuse classes (in folders and jars) that are newer than what the dexer understands."""
    for place in places:
        for name, content in _class_files(place):
            magic, _, major = _CLASS_HEADER.unpack_from(content)
            if magic != _CLASS_MAGIC or major > NEWEST_CLASS_FILE:
                raise BuildError(
                    f"{place.name}: {name} is a class file of version {major}; "
                    f"dx takes none beyond {NEWEST_CLASS_FILE} (Java 8)"
                )


def _class_files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*.class")):
            yield str(path.relative_to(place)), path.read_bytes()
        return
    with zipfile.ZipFile(place) as jar:
        for name in jar.namelist():
            if name.endswith(".class"):
                yield name, jar.read(name)
