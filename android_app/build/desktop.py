"""The core on a desktop JVM: compiled once per state of the sources, started like any runner."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from android_app.build import artefacts, java, sources, tools
from android_app.build.layout import APP, OUTPUT

MAIN = "org.benchfarm.runner.desktop.Main"
RELEASE = 11
_TESTS = APP / "core" / "src" / "test" / "java"
_NATIVE = "ai/onnxruntime/native/linux-x64/"
_NATIVE_AARCH64 = "ai/onnxruntime/native/linux-aarch64/"
#: A small heap that is collected only between blocks (see the core's Garbage class).
_HEAP = ("-XX:+UseSerialGC", "-Xms96m", "-Xmn64m", "-Xmx512m")
#: A crash is told in the log, and leaves no files behind.
_CRASH = ("-XX:+ErrorFileToStderr", "-XX:-UsePerfData")


@cache
def command() -> tuple[str, ...]:
    """How to start the runner on this machine's JVM; its arguments follow (see ``Main``).

    Compiles when the sources changed, and looks for that once in a process. Raises ToolMissing
    or ArtefactUnavailable where that is impossible.
    """
    core, jars = classes()
    native = once("native", artefacts.sha256(jars["onnxruntime"])[:16], _unpacker(jars))
    class_path = ":".join(map(str, [core, jars["onnxruntime"]]))
    temporary = f"-Djava.io.tmpdir={tempfile.gettempdir()}"  # Java itself ignores TMPDIR
    options = (*_HEAP, *_CRASH, temporary, f"-Donnxruntime.native.path={native}")
    return ("java", *options, "-cp", class_path, MAIN)


def test_command(properties: Mapping[str, str]) -> list[str]:
    """How to run the core's own JUnit tests on this machine's JVM.

    ``properties`` tell the tests where vectors and models lie; ``golden`` has to be there.
    """
    core, jars = classes()
    found = artefacts.fetch(("desktop",))
    tflite = _tflite_classes()
    test_files = sources.java_files([_TESTS])
    libraries = [core, *jars.values(), found["junit"], found["hamcrest-core"], tflite]

    def compile_tests(folder: Path) -> None:
        java.compile_java(test_files, folder, libraries, RELEASE)

    tests = once("tests", sources.digest(test_files, core.name)[:16], compile_tests)
    class_path = ":".join(map(str, [tests, *libraries]))
    settings = [f"-D{name}={value}" for name, value in properties.items()]
    names = [class_name(path, _TESTS) for path in test_files]
    return ["java", *settings, "-cp", class_path, "org.junit.runner.JUnitCore", *names]


def class_name(path: Path, folder: Path) -> str:
    """The class that a source file under a folder holds."""
    return ".".join(path.relative_to(folder).with_suffix("").parts)


def classes() -> tuple[Path, dict[str, Path]]:
    """The compiled core with ONNX Runtime and the desktop's own part, and the jars it needs."""
    tools.require(tools.DESKTOP_TOOLS)
    jars = {"onnxruntime": artefacts.fetch(("desktop",))["onnxruntime"]}
    core = sources.java_files(sources.core_folders(("onnxruntime",)))
    desktop = sources.java_files(sources.core_folders(("desktop",))[1:])
    key = sources.digest([*core, *desktop])[:16]

    def compile_all(folder: Path) -> None:
        generated = folder / "generated"
        info = sources.write_build_info(generated, f"d{key[:8]}", "desktop")
        java.compile_java([info, *core], folder, jars.values())
        shutil.rmtree(generated)
        java.compile_java(desktop, folder, jars.values(), RELEASE)

    return once("classes", key, compile_all), jars


def _tflite_classes() -> Path:
    """The .tflite reader alone: the rest of that engine runs on Android only."""
    folder = sources.core_folders(("tflite",))[1]
    files = [path for path in sources.java_files([folder]) if path.name == "TfliteFile.java"]
    core, _ = classes()

    def compile_reader(output: Path) -> None:
        java.compile_java(files, output, [core])

    return once("tflite", sources.digest(files, core.name)[:16], compile_reader)


def _unpacker(jars: dict[str, Path]) -> Callable[[Path], None]:
    """Unpacks ONNX Runtime's libraries, which would otherwise happen at every start."""
    prefix = _NATIVE_AARCH64 if os.uname().machine == "aarch64" else _NATIVE

    def unpack(folder: Path) -> None:
        with zipfile.ZipFile(jars["onnxruntime"]) as jar:
            for name in jar.namelist():
                if name.startswith(prefix) and name.endswith(".so"):
                    (folder / Path(name).name).write_bytes(jar.read(name))

    return unpack


def once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made only when it is not there; several processes may try at once."""
    place = OUTPUT / "desktop" / f"{kind}-{key}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        make(fresh)
        fresh.chmod(0o755)
        fresh.rename(place)
    except OSError:
        if not place.is_dir():  # somebody else was faster
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place
