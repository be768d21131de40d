"""A run without what tells whose it is: for double-blind review and for giving data away.

What is replaced: serial numbers and UDIDs (``android:9A1...`` becomes ``android:device-1``), names
of hosts, phones and people, owners, notes and addresses of a lab's inventory, mail addresses,
hardware and private network addresses, and the folders of paths on the host. What stays: models of
phones, builds, kernels, times and every number. The words a user chose (scenario, label, model
file names) stay too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.record import RunPlan
from harness.store import layout
from harness.store.codec import dump, from_json, to_json
from harness.store.documents import read_plan
from harness.store.files import translated, write_atomically

#: Facts that name one machine or person and not a kind of them.
_NAMING_FACTS = frozenset(
    ("hostname", "host_name", "serial", "serialno", "udid", "device_name", "name", "user", "owner")
)
#: What a lab's inventory says about people and places, with lines that go on below.
_INVENTORY = re.compile(
    r"^(?P<key>\s*(?:- )?(?:owner|notes|nickname|hub_port)):"
    r"(?P<value>.*(?:\n[ \t]+(?![ \t]|\w+:|- ).*)*)$",
    re.MULTILINE,
)
#: Devices that the scenario or its lab names, whether they took part or not.
_NAMED_DEVICE = re.compile(r"\b(?:android|ios):[^\s'\",\]}]+")
#: Folders below these roots are the same on every machine of a kind.
_SYSTEM_ROOTS = (
    *("proc", "sys", "dev", "usr", "lib", "lib64", "bin", "sbin", "etc"),
    *("system", "vendor", "apex", "product", "data/local/tmp"),
)
_PATH = re.compile(
    r"(?<![\w.~/:-])/(?!(?:" + "|".join(_SYSTEM_ROOTS) + r")(?:/|\b))(?:[^\s/'\"<>|,;:()\[\]]+/)+"
)
_PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w"), "[mail]"),
    (re.compile(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b"), "[hardware address]"),
    (
        re.compile(
            r"\b(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}"
            r"|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})\b"
        ),
        "[network address]",
    ),
)
#: Shorter names would be found inside ordinary words.
_MIN_LENGTH = 4


class Disguise:
    """What to write instead of what, the same throughout all the runs it was made for."""

    def __init__(self, plans: Iterable[RunPlan]) -> None:
        listed = list(plans)
        ids = sorted({device for plan in listed for device in _device_ids(plan)})
        self._words: dict[str, str] = {}
        for number, device_id in enumerate((one for one in ids if ":" in one), start=1):
            platform, _, serial = device_id.partition(":")
            self._words[device_id] = f"{platform}:device-{number}"
            if len(serial) >= _MIN_LENGTH:
                self._words[serial] = f"device-{number}"
        for plan in listed:
            for name in _own_names(plan):
                self._words.setdefault(name, "[name]")
        self._pattern = _any_of(self._words)
        self._ids = {old: new for plan in listed for old, new in self._trial_ids(plan)}
        self._words |= self._ids
        self._pattern = _any_of(self._words)

    def text(self, text: str) -> str:
        """``text`` without names, folders and addresses."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: self._words[found[0]], text)
        text = _PATH.sub("[folder]/", text)
        for pattern, instead in _PERSONAL:
            text = pattern.sub(instead, text)
        return text

    def value(self, value: Any) -> Any:
        """The same for every text, keys included, in a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def trial_id(self, trial_id: str) -> str:
        """The new id of a trial: its digest covered the device's id."""
        return self._ids.get(trial_id, trial_id)

    def _trial_ids(self, plan: RunPlan) -> Iterator[tuple[str, str]]:
        keys: dict[str, str] = {}
        for trial in plan.trials:
            key = trial.id.removesuffix(f"-r{trial.repeat}")
            if key not in keys:
                cell = trial.cell
                changed = from_json(type(cell), self.value(to_json(cell))).key
                keys[key] = changed if key == cell.key else key
            yield trial.id, f"{keys[key]}-r{trial.repeat}"
            yield key, keys[key]


def anonymize(folder: Path, disguise: Disguise) -> None:
    """Rewrite a copy of a run in place. Samples and traces hold numbers only and stay.

    Raises StoreError when a file cannot be read or written.
    """
    old = [trial.id for trial in read_plan(folder / layout.PLAN).trials]
    with translated(folder):
        for file in sorted(folder.rglob("*")):
            if file.name in {layout.PLAN, layout.TRIAL}:
                _rewrite_document(file, disguise)
            elif file.name == layout.SCREEN:
                file.unlink()  # a picture may show anything
            elif file.name == layout.LEDGER:
                _rewrite_lines(file, disguise)
            elif file.name == layout.LOG:
                text = file.read_text("utf-8", "replace")
                write_atomically(file, disguise.text(text).encode())
        for trial_id in old:
            for parent in (layout.TRIALS, layout.SUPERSEDED):
                before = folder / parent / layout.safe_name(trial_id)
                after = folder / parent / layout.safe_name(disguise.trial_id(trial_id))
                if before != after and before.exists():
                    before.rename(after)


def _rewrite_document(file: Path, disguise: Disguise) -> None:
    document = json.loads(file.read_bytes())
    if "scenario_text" in document:
        document["scenario_text"] = _without_people(document["scenario_text"])
    facts = document.get("facts", {})
    for one in facts.values():
        one["values"] = {k: v for k, v in one["values"].items() if k not in _NAMING_FACTS}
    write_atomically(file, dump(disguise.value(document), indent=1))


def _rewrite_lines(file: Path, disguise: Disguise) -> None:
    lines = file.read_text("utf-8").splitlines()
    changed = [dump(disguise.value(json.loads(line))).rstrip(b"\n") for line in lines]
    write_atomically(file, b"".join(line + b"\n" for line in changed))


def _without_people(scenario_text: str) -> str:
    return _INVENTORY.sub(lambda found: f"{found['key']}: removed", scenario_text)


def _device_ids(plan: RunPlan) -> Iterator[str]:
    yield from plan.facts
    yield from _NAMED_DEVICE.findall(plan.scenario_text)
    for trial in plan.trials:
        yield trial.cell.device_id


def _own_names(plan: RunPlan) -> Iterator[str]:
    for facts in plan.facts.values():
        for name in _NAMING_FACTS:
            value = facts.values.get(name)
            if isinstance(value, str) and len(value) >= _MIN_LENGTH:
                yield value
    for found in _INVENTORY.finditer(plan.scenario_text):
        value = found["value"].strip()
        if found["key"].endswith(("nickname", "owner")) and len(value) >= _MIN_LENGTH:
            yield value


def _any_of(words: Mapping[str, str]) -> re.Pattern[str] | None:
    """Matches each word where it stands alone, longer ones first."""
    if not words:
        return None
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return re.compile(
        r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, ordered)) + r")(?![A-Za-z0-9])"
    )
