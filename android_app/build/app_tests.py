"""The app's own tests on a desktop JVM: Robolectric, with Android's real framework classes."""

from __future__ import annotations

from pathlib import Path

from android_app.build import aar, artefacts, desktop, java, sources
from android_app.build.layout import APP

_SETTINGS = APP / "app" / "src" / "test" / "resources"
_TESTS = APP / "app" / "src" / "test" / "java"
#: As in the APK.
_APP_RELEASE = 8
_SUFFIX = "Test.java"
#: Robolectric opens classes of the JDK that Java 17 keeps to itself, and warns of its own uses.
_OPENED = ("java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.util")


def command() -> list[str]:
    """How to run the tests; raises ToolMissing or ArtefactUnavailable where that is impossible."""
    core, jars = desktop.classes()
    ours, found = artefacts.fetch(("desktop",)), artefacts.fetch(("app-test",))
    framework = artefacts.fetch(("android",))["android-all"]
    tflite = _libraries(artefacts.fetch(("tflite",)))
    app = _app([core, *tflite, framework])
    libraries = [ours["junit"], ours["hamcrest-core"], *_libraries(found), *tflite]
    tests = _tests([core, app, *libraries, framework])
    files = sources.java_files([_TESTS])
    names = [desktop.class_name(path, _TESTS) for path in files if path.name.endswith(_SUFFIX)]
    opened = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
    class_path = [_SETTINGS, tests, app, core, *libraries, *jars.values(), framework]
    return [
        *("java", "-Xmx1g", *opened, "-Drobolectric.offline=true"),
        "-Drobolectric.usePreinstrumentedJars=false",
        f"-Drobolectric.dependency.dir={framework.parent}",
        *("-cp", ":".join(map(str, class_path))),
        *("org.junit.runner.JUnitCore", *names),
    ]


def _app(class_path: list[Path]) -> Path:
    """The app shell, and the engine whose library is there for Android only."""
    folders = [sources.app_folder(), sources.core_folders(("tflite",))[1]]
    return _compiled("app", sources.java_files(folders), class_path, _APP_RELEASE)


def _tests(class_path: list[Path]) -> Path:
    return _compiled("app-tests", sources.java_files([_TESTS]), class_path, desktop.RELEASE)


def _compiled(kind: str, files: list[Path], class_path: list[Path], release: int) -> Path:
    def compile_all(folder: Path) -> None:
        java.compile_java(files, folder, class_path, release)

    key = sources.digest(files, " ".join(path.name for path in class_path))[:16]
    return desktop.once(kind, key, compile_all)


def _libraries(found: dict[str, Path]) -> list[Path]:
    """Jars as they are, and the classes of Android archives; the framework comes on its own."""
    archives = {name: path for name, path in found.items() if path.suffix == ".aar"}

    def unpack(folder: Path) -> None:
        for name, path in archives.items():
            aar.unpack(name, path, folder)

    key = "-".join(artefacts.sha256(path)[:8] for path in archives.values())
    unpacked = desktop.once("archives", key, unpack)
    jars = [path for name, path in found.items() if name not in archives]
    return [*jars, *(unpacked / f"{name}.jar" for name in archives)]
