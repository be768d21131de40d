"""The runner's files: APKs by processor and engine, and the jar for ``app_process``.

They are in the wheel, beside this file, or in a checkout where ``make android`` puts them;
``BENCHFARM_RUNNER_FILES`` names another folder. ``runners.json`` in it says what there is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError

_LISTING = "runners.json"
_HERE = Path(__file__).resolve().parent
#: Flavours of the APK that have an engine, the smallest first.
_FLAVOURS = {"tflite": ("tflite", "all"), "onnxruntime": ("onnxruntime", "all", "qnn")}


@dataclass(frozen=True, slots=True)
class RunnerFile:
    """One file of ``runners.json``; ``abi`` and ``application_id`` are empty for the jar."""

    path: Path
    flavour: str
    abi: str
    build: str
    application_id: str
    sha256: str


def runner_apk(abis: Sequence[str], engine: str, folder: Path | None = None) -> RunnerFile | str:
    """The APK for the first of a phone's ABIs that has one with ``engine``, or why there is none.

    ``folder`` holds other runner files than ours. Raises UserError when there are none at all.
    """
    files = runner_files(folder)
    flavours = _FLAVOURS.get(engine, ())
    for abi in abis:
        for flavour in flavours:
            for file in files:
                if (file.abi, file.flavour) == (abi, flavour):
                    return file
    with_engine = [file for file in files if file.abi and file.flavour in flavours]
    if not with_engine:
        have = ", ".join(sorted({file.flavour for file in files if file.abi})) or "none"
        return f"there is no Android runner with engine {engine} here (there is: {have})"
    return f"there is no {engine} runner for {' or '.join(abis) or 'an unknown processor'}"


def engines_for(abis: Sequence[str], folder: Path | None = None) -> str:
    """The engines that some APK brings to a phone of these ABIs: ``onnxruntime, tflite``."""
    try:
        found = [name for name in _FLAVOURS if not isinstance(runner_apk(abis, name, folder), str)]
    except UserError:
        found = []
    return ", ".join(sorted(found)) or "none"


def runner_jar(folder: Path | None = None) -> RunnerFile:
    """The jar for ``app_process``; raises UserError where there is none."""
    for file in runner_files(folder):
        if file.path.suffix == ".jar":
            return file
    where = folder or _folder()
    raise UserError(f"there is no benchfarm-runner.jar in {where}; run: make android")


def listing_digest(folder: Path | None = None) -> str:
    """What tells one set of runner files from another: their listing holds the files' digests."""
    listed = sorted((file.path.name, file.sha256) for file in runner_files(folder))
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def runner_files(folder: Path | None = None) -> tuple[RunnerFile, ...]:
    """Everything that ``runners.json`` lists; raises UserError where it cannot be read."""
    folder = folder or _folder()
    try:
        listed = json.loads((folder / _LISTING).read_text(encoding="utf-8"))["runners"]
        return tuple(
            RunnerFile(
                folder / name,
                entry["flavour"],
                entry["abi"],
                entry["build"],
                entry["application_id"],
                entry["sha256"],
            )
            for name, entry in listed.items()
        )
    except FileNotFoundError:
        raise UserError(
            f"no Android runner in {folder}; run: make android (or install the wheel of a release)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / _LISTING} is damaged ({error}); run: make android") from error


def _folder() -> Path:
    named = os.environ.get("BENCHFARM_RUNNER_FILES")
    if named:
        return Path(named)
    packaged = _HERE / "runner_files"
    return packaged if packaged.is_dir() else _HERE.parents[1] / "build" / "android"
