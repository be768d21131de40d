"""Names, places and limits of the build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).resolve().parents[1]
CHECKOUT = APP.parent
OUTPUT = CHECKOUT / "build" / "android"

PACKAGE = "org.benchfarm.runner"
MIN_SDK = 26
#: Java 8: the newest class files that dx takes (see docs/android-runner.md).
NEWEST_CLASS_FILE = 52
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")


@dataclass(frozen=True, slots=True)
class Flavour:
    """A set of engines that one APK carries.

    ``profiles`` are those of ``pom.xml`` with the engines' artefacts, ``sources`` the folders of
    ``core/src`` that know them. ``budget_bytes`` is the largest an APK of one ABI may become.
    ``licence`` says why a flavour is built for oneself only, and after having been asked for by
    more than its name. ``unpacked`` libraries become files when the APK is installed.
    """

    name: str
    profiles: tuple[str, ...]
    sources: tuple[str, ...]
    budget_bytes: int
    abis: tuple[str, ...] = ABIS
    licence: str = ""
    unpacked: bool = False


_MB = 1_000_000

FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        Flavour("tflite", ("tflite",), ("tflite",), 10 * _MB),
        Flavour("onnxruntime", ("onnxruntime",), ("onnxruntime",), 35 * _MB),
        Flavour("all", ("tflite", "onnxruntime"), ("tflite", "onnxruntime"), 45 * _MB),
        # Hexagon's loader opens files, not entries of an APK.
        Flavour(
            "qnn",
            ("qnn",),
            ("onnxruntime",),
            250 * _MB,
            abis=("arm64-v8a",),
            licence="Qualcomm's QNN runtime, whose licence forbids passing it on",
            unpacked=True,
        ),
    )
}
#: What the wheel carries, each as soon as its artefacts are pinned.
WHEEL_FLAVOURS = ("tflite", "onnxruntime")
