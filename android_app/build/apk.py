"""From sources to signed APKs, and the jar for ``app_process``."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from android_app.build import aar, artefacts, checks, dex, java, signing, sources, tools
from android_app.build.aligned_zip import Entry, write_zip
from android_app.build.layout import APP, CHECKOUT, PACKAGE, Flavour

#: The jar for ``app_process``.
JAR = "benchfarm-runner.jar"
_FRAMEWORK = "android-all"
_DEXER = "dalvik-dx"
#: Where NOTICE begins to speak of files that are not in the APK.
_OTHERS = "Third-party software"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A flavour's code: one dex file for every ABI, and the libraries it goes with."""

    flavour: Flavour
    build: str
    dex: Path
    libraries: tuple[aar.Library, ...]
    #: What the libraries' makers say of others' work in them.
    notices: str


@contextmanager
def compiled(flavour: Flavour) -> Iterator[Compiled]:
    """Compile and dex a flavour in a folder that is gone afterwards."""
    tools.require(tools.ANDROID_TOOLS)
    found = artefacts.fetch(("android", *flavour.profiles))
    build = sources.build_id(flavour)
    with tempfile.TemporaryDirectory(prefix="benchfarm-android-") as name:
        work = Path(name)
        libraries = tuple(
            aar.unpack(name, path, work) for name, path in found.items() if path.suffix == ".aar"
        )
        jars = [library.classes for library in libraries]
        java.check_class_files(jars)
        classes = _compile(flavour, build, work, jars, found[_FRAMEWORK])
        java.check_class_files(classes)
        dex_file = work / "classes.dex"
        dex.make_dex(found[_DEXER], [*classes, *jars], dex_file)
        dex.check_dex(dex_file)
        yield Compiled(flavour, build, dex_file, libraries, _third_parties(flavour, found))


def write_jar(code: Compiled, output: Path) -> Path:
    """``benchfarm-runner.jar``: the dex file alone, for ``app_process``."""
    path = output / JAR
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchfarm-jar-") as name:
        write_zip(Path(name) / JAR, [Entry("classes.dex", code.dex.read_bytes())])
        put(path, (Path(name) / JAR).read_bytes())
    return path


def put(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(fresh).chmod(0o644)
    Path(fresh).replace(path)


def write_apk(code: Compiled, abi: str, output: Path) -> Path:
    """The signed and checked APK of one ABI."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / apk_name(code.flavour, abi)
    with tempfile.TemporaryDirectory(prefix="benchfarm-apk-") as name:
        work = Path(name)
        unsigned = work / "unsigned.apk"
        write_zip(unsigned, _entries(code, abi, _link(code, abi, work)))
        signed = work / path.name
        signing.sign(unsigned, signed)
        checks.check_apk(signed, code.flavour)
        put(path, signed.read_bytes())
    return path


def apk_name(flavour: Flavour, abi: str) -> str:
    """What the APK of one ABI is called."""
    return f"benchfarm-runner-{flavour.name}-{abi}.apk"


def application_id(code: Compiled) -> str:
    """Each build has its own, so that two of them can be installed side by side."""
    return f"{PACKAGE}.{code.flavour.name}.{code.build}"


def _compile(
    flavour: Flavour, build: str, work: Path, jars: Sequence[Path], framework: Path
) -> list[Path]:
    """The core without Android in sight, then the app on top of it."""
    info = sources.write_build_info(work / "generated", build, flavour.name)
    core, app = work / "core", work / "app"
    core_files = sources.java_files(sources.core_folders(flavour.sources))
    java.compile_java([info, *core_files], core, jars)
    java.compile_java(sources.java_files([sources.app_folder()]), app, [core, framework])
    return [core, app]


def _link(code: Compiled, abi: str, work: Path) -> Path:
    """aapt2's archive with the binary manifest and the resource table."""
    linked = work / "linked.apk"
    name = application_id(code)
    manifest = work / "AndroidManifest.xml"
    manifest.write_text(_manifest(code.flavour), encoding="utf-8")
    tools.run(
        [
            *("aapt2", "link", "-o", linked, "-I", tools.FRAMEWORK_RESOURCES),
            *("--manifest", manifest),
            *("--rename-manifest-package", name),
            *("--rename-instrumentation-target-package", name),
            *("--version-name", f"{sources.version()}-{code.build}-{abi}", "--replace-version"),
        ]
    )
    return linked


def _manifest(flavour: Flavour) -> str:
    text = sources.manifest().read_text(encoding="utf-8")
    mapped = 'android:extractNativeLibs="false"'
    return text.replace(mapped, mapped.replace("false", "true")) if flavour.unpacked else text


def _entries(code: Compiled, abi: str, linked: Path) -> list[Entry]:
    entries: list[Entry] = []
    with zipfile.ZipFile(linked) as archive:
        entries += [
            Entry(name, archive.read(name), checks.alignment_of(name))
            for name in sorted(archive.namelist())
        ]
    entries.append(Entry("classes.dex", code.dex.read_bytes()))
    entries.append(Entry("assets/NOTICES.txt", _notices(code).encode()))
    for library in code.libraries:
        for name, content in library.native.get(abi, {}).items():
            place = f"lib/{abi}/{name}"
            entries.append(Entry(place, content, checks.alignment_of(place)))
    return entries


def _notices(code: Compiled) -> str:
    """Ours, what is known of the engines and of what they hold, then the archives' own licences."""
    ours = (CHECKOUT / "NOTICE").read_text(encoding="utf-8").split(_OTHERS)[0].strip()
    parts = [
        f"{ours}\n",
        *(path.read_text(encoding="utf-8") for path in _notice_files(code.flavour)),
    ]
    parts += [f"{each.name}\n\n{each.licence}" for each in code.libraries if each.licence]
    parts += [code.notices] if code.notices else []
    return f"\n{'=' * 80}\n".join(parts)


def _notice_files(flavour: Flavour) -> list[Path]:
    return [APP / "notices" / f"{engine}.txt" for engine in flavour.sources]


def _third_parties(flavour: Flavour, found: dict[str, Path]) -> str:
    """ONNX Runtime's list of others' work is in its desktop artefact of the same version."""
    if "onnxruntime" not in flavour.sources:
        return ""
    with zipfile.ZipFile(found["onnxruntime"]) as jar:
        return jar.read("ThirdPartyNotices.txt").decode("utf-8", "replace")
