"""The runners of several flavours at once, and the list that tells an agent what they are.

``runners.json`` lies beside the files. It has one entry for each: ``flavour``, ``abi`` (empty for
the jar, which runs on all), ``build``, ``application_id`` (empty for the jar), ``size_bytes`` and
``sha256``. A runner that is there as the list says, from the sources as they are, is not built
again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from android_app.build import apk, artefacts, sources
from android_app.build.errors import BuildError
from android_app.build.layout import FLAVOURS, OUTPUT, WHEEL_FLAVOURS, Flavour

LISTING = "runners.json"
_Entries = dict[str, dict[str, Any]]


def build(flavours: Sequence[Flavour], abis: Sequence[str], output: Path) -> list[Path]:
    """Build what does not stand yet; the files in order, and the list up to date.

    ``abis`` may be empty: every ABI of each flavour. The jar holds the last flavour's engines.
    """
    files: list[Path] = []
    for flavour in flavours:
        places = {abi: output / apk.apk_name(flavour, abi) for abi in flavour.abis}
        wanted = {places[abi]: abi for abi in places if abi in abis or not abis}
        if not wanted:
            raise BuildError(f"flavour {flavour.name} is for {', '.join(flavour.abis)} only")
        if flavour is flavours[-1]:
            wanted[output / apk.JAR] = ""
        _build_one(flavour, wanted, output)
        files += wanted
    return files


def for_wheel(output: Path = OUTPUT) -> list[Path]:
    """The runners that the wheel carries, built where they do not stand yet, and their list."""
    flavours = [FLAVOURS[name] for name in WHEEL_FLAVOURS]
    had = [each for each in flavours if artefacts.are_pinned(each.profiles)]
    return [*build(had, (), output), _listing_for(had, output)]


def read_listing(folder: Path) -> _Entries:
    """The entries by file name; empty where nothing was built."""
    path = folder / LISTING
    if not path.is_file():
        return {}
    try:
        found: _Entries = json.loads(path.read_text(encoding="ascii"))["runners"]
    except (ValueError, KeyError, TypeError):
        raise BuildError(f"{path} is damaged; delete it and build again") from None
    return found


def _listing_for(flavours: Sequence[Flavour], output: Path) -> Path:
    """A list without the other flavours' files."""
    names = {flavour.name for flavour in flavours}
    path = output / "wheel" / LISTING
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, {k: v for k, v in read_listing(output).items() if v["flavour"] in names})
    return path


def _build_one(flavour: Flavour, wanted: dict[Path, str], output: Path) -> None:
    """Build files of one flavour, each for its ABI (none: the jar), unless all of them stand."""
    build_id = sources.build_id(flavour)
    known = read_listing(output)
    if all(_stands(path, known.get(path.name), flavour, build_id) for path in wanted):
        return
    with apk.compiled(flavour) as code:
        for path, abi in wanted.items():
            if abi:
                apk.write_apk(code, abi, output)
            else:
                apk.write_jar(code, output)
            known[path.name] = _entry(path, code, abi)
    _write(output / LISTING, {k: v for k, v in known.items() if (output / k).is_file()})


def _stands(path: Path, entry: dict[str, Any] | None, flavour: Flavour, build_id: str) -> bool:
    return (
        entry is not None
        and path.is_file()
        and (entry["flavour"], entry["build"]) == (flavour.name, build_id)
        and entry["sha256"] == artefacts.sha256(path)
    )


def _entry(path: Path, code: apk.Compiled, abi: str) -> dict[str, Any]:
    return {
        "flavour": code.flavour.name,
        "abi": abi,
        "build": code.build,
        "application_id": apk.application_id(code) if abi else "",
        "size_bytes": path.stat().st_size,
        "sha256": artefacts.sha256(path),
    }


def _write(path: Path, entries: _Entries) -> None:
    text = json.dumps({"runners": dict(sorted(entries.items()))}, indent=2)
    apk.put(path, f"{text}\n".encode("ascii"))
