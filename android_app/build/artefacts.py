"""The pinned artefacts: fetched by Maven, named in ``pom.xml``, checked against checksums.txt."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from android_app.build import tools
from android_app.build.errors import ArtefactUnavailable, BuildError, ToolMissing, Unpinned
from android_app.build.layout import APP, OUTPUT

_POM = APP / "pom.xml"
_CHECKSUMS = APP / "checksums.txt"
#: ``   group:artefact:type:version:scope:/path/to/file``, then perhaps a remark on Java modules.
_LISTED = re.compile(r"^\s+[^:\s]+:[^:]+:[^:]+:[^:]+:[^:]+:(\S+)", re.MULTILINE)
_MAVEN = "{http://maven.apache.org/POM/4.0.0}"
_WHY = re.compile(r"(?:Could not find artifact|Could not transfer artifact|resolve) (.{0,200})")


def fetch(profiles: Sequence[str]) -> dict[str, Path]:
    """The files of these profiles by artefact name; raises unless each has its pinned checksum."""
    pinned = read_checksums()
    found = {path.name: path for path in _paths(profiles)}
    for name, path in found.items():
        if name not in pinned:
            raise Unpinned(
                f"{name} has no checksum; look at it, then run "
                f"`python -m android_app.build pin {' '.join(profiles)}` and commit checksums.txt"
            )
        if sha256(path) != pinned[name]:
            raise BuildError(f"{path} is not the pinned {name}; delete it to fetch it again")
    return {_without_version(name): path for name, path in found.items()}


def pin(profiles: Sequence[str]) -> list[str]:
    """Write the checksums of these profiles' files anew; the names of those that changed."""
    pinned = read_checksums()
    fetched = {path.name: sha256(path) for path in _paths(profiles)}
    changed = [name for name, digest in fetched.items() if pinned.get(name) != digest]
    lines = (f"{digest}  {name}\n" for name, digest in sorted((pinned | fetched).items()))
    _CHECKSUMS.write_text("".join(lines), encoding="ascii")
    return changed


def are_pinned(profiles: Sequence[str]) -> bool:
    """Whether every artefact that pom.xml names in these profiles has its checksum."""
    pinned = read_checksums()
    return all(name in pinned for profile in profiles for name in file_names(profile))


def file_names(profile: str) -> list[str]:
    """The files that a profile of pom.xml names."""
    pom = ET.parse(_POM)  # noqa: S314 - our own file
    found = pom.findall(f"{_MAVEN}profiles/{_MAVEN}profile[{_MAVEN}id='{profile}']")
    if not found:
        raise BuildError(f"pom.xml has no profile '{profile}'")
    return [_file_name(each) for each in found[0].iter(f"{_MAVEN}dependency")]


def _file_name(dependency: ET.Element) -> str:
    name, version = (dependency.findtext(_MAVEN + tag) for tag in ("artifactId", "version"))
    return f"{name}-{version}.{dependency.findtext(_MAVEN + 'type') or 'jar'}"


def read_checksums() -> dict[str, str]:
    """SHA-256 by file name, in the format of sha256sum."""
    lines = _CHECKSUMS.read_text(encoding="ascii").splitlines() if _CHECKSUMS.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _paths(profiles: Sequence[str]) -> list[Path]:
    """Where Maven keeps the files; asked once for each pom.xml, since Maven takes seconds."""
    key = hashlib.sha256(_POM.read_bytes() + ",".join(profiles).encode()).hexdigest()[:16]
    known = OUTPUT / "artefacts" / f"{key}.txt"
    if known.is_file():
        paths = [Path(line) for line in known.read_text(encoding="utf-8").splitlines()]
        if all(path.is_file() for path in paths):
            return paths
    paths = _resolve(profiles)
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    return paths


def _resolve(profiles: Sequence[str]) -> list[Path]:
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "list.txt"
        command = ["mvn", "-B", "-q", "-U", "-f", str(_POM), "-P", ",".join(profiles)]
        command += ["dependency:list", "-DoutputAbsoluteArtifactFilename=true"]
        try:
            tools.run([*command, f"-DoutputFile={listing}"])
        except ToolMissing:
            raise
        except BuildError as error:
            why = _WHY.search(str(error))
            said = why.group(0) if why else str(error)
            raise ArtefactUnavailable(f"Maven: {said}") from None
        return [Path(path) for path in _LISTED.findall(listing.read_text(encoding="utf-8"))]


def _without_version(name: str) -> str:
    return re.sub(r"-\d[^/]*$", "", name)
