"""``benchfarm doctor``: can this machine measure, and is anything left from a crash?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from harness.cli.options import results_option

GOOD, DOUBT, BAD = "ok", "note", "PROBLEM"
Check = tuple[str, str, str]

_ENGINES = ("ai-edge-litert", "tflite-runtime", "onnxruntime")
#: Below this much free disk a sustained run may fill it.
LOW_DISK_BYTES = 2 * 1024**3


@click.command(short_help="Check that this machine can measure.")
@click.option("--restore", is_flag=True, help="Tidy up after a crash: runners, half-stored trials.")
@results_option
def doctor(restore: bool, results: Path) -> int:
    """Check that this machine can measure; exit code 4 when something would keep it from it."""
    from harness.cli.tables import Table, print_table

    restored = _restore(results) if restore else True
    checks = [*_engine_checks(), *_place_checks(results), *_device_checks()]
    print_table(Table(("check", "state", "what"), tuple(checks)))
    good = restored and all(state != BAD for _, state, _ in checks)
    return 0 if good else 4


def _engine_checks() -> Iterator[Check]:
    found = {}
    for name in _ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    tflite = [name for name in found if name != "onnxruntime"]
    for engine, names in (("tflite", tflite), ("onnxruntime", ["onnxruntime"])):
        have = [f"{name} {found[name]}" for name in names if name in found]
        if have:
            yield f"engine {engine}", GOOD, have[0]
        else:
            yield f"engine {engine}", BAD, "not installed; pip install benchfarm again"


def _place_checks(results: Path) -> Iterator[Check]:
    from harness.models.cache import ModelCache

    for name, folder in (("results", results.absolute()), ("model cache", ModelCache().root)):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        if not existing.is_dir():
            yield name, BAD, f"{existing} is no folder"
            continue
        if not os.access(existing, os.W_OK | os.X_OK):
            yield name, BAD, f"{existing} cannot be written to; name another folder"
            continue
        free = shutil.disk_usage(existing).free
        state = GOOD if free >= LOW_DISK_BYTES else DOUBT
        yield name, state, f"{folder}, {free / 1024**3:.1f} GiB free"


def _device_checks() -> Iterator[Check]:
    from harness.cli import lab
    from harness.clock import CancelToken
    from harness.fleet.lease import holder

    found = lab.sightings()
    facts = lab.facts_of(found, CancelToken())
    for hint in lab.hints():
        yield "devices", DOUBT, hint
    for sighting in found:
        name = f"device {sighting.device_id}"
        if not sighting.ready:
            yield name, BAD, sighting.advice or sighting.state
            continue
        info = holder(sighting.device_id)
        yield name, DOUBT if info else GOOD, f"held by {info}" if info else sighting.name
        if sighting.advice:
            yield name, DOUBT, sighting.advice
        if sighting.simulated:
            yield name, DOUBT, "SIMULATED: its numbers say nothing about a real phone"
        known = facts.get(sighting.device_id)
        if known is not None:
            yield from _facts_checks(name, known.values, known.unavailable)


def _facts_checks(
    name: str, values: dict[str, str | int | float | bool], unavailable: dict[str, str]
) -> Iterator[Check]:
    governor = values.get("governor")
    if values.get("platform") == "ios":
        return  # it shows no frequencies, and nobody could set them
    if governor is None:
        reason = unavailable.get("governor", "not told")
        yield name, DOUBT, f"frequency governor unavailable: {reason}"
    elif governor != "performance":
        yield name, DOUBT, f"governor {governor}: frequency is free to move"


def _restore(results: Path) -> bool:
    """Tidy up every device that can be had, then the store; False when a device could not."""
    from harness.cli import lab
    from harness.errors import DeviceError
    from harness.store.store import ResultsStore

    restored = True
    for sighting in lab.sightings():
        if not sighting.ready:
            click.echo(f"{sighting.device_id} was left alone: {sighting.state}", err=True)
            continue
        try:
            _restore_device(sighting.device_id)
        except DeviceError as error:
            restored = False
            click.echo(f"not restored: {error}", err=True)
    ResultsStore(results).recover()
    if restored:
        click.echo("restored: no runner is left, half-stored trials are recovered", err=True)
    else:
        click.echo("half-stored trials are recovered; the devices above were not", err=True)
    return restored


def _restore_device(device_id: str) -> None:
    """End its runners and put its settings back; DeviceError when it is held or does not answer."""
    from harness.cli import lab
    from harness.clock import Deadline, SystemClock
    from harness.fleet.lease import Lease

    with Lease.acquire(device_id, "doctor --restore"):
        device = lab.open_device(device_id)
        try:
            device.restore(Deadline(SystemClock(), lab.FACTS_TIMEOUT_S))
        finally:
            device.close()
