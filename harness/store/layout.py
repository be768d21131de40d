"""Where things lie inside a results folder, and names that are safe on every file system.

::

    results/
    ├── index.sqlite                     a cache; may be deleted at any time
    └── runs/<run id>/
        ├── plan.json
        ├── ledger.jsonl
        ├── lock                         only while a process writes here, or after it was killed
        ├── trials/<trial>/              the latest attempt of each trial
        │   ├── trial.json               written last: a trial without it does not count
        │   ├── samples.parquet  blocks.parquet  traces.parquet  log.txt
        │   ├── profile.json                 only in the profile pass
        │   ├── outputs.npz                  one answer, where delegates are compared
        │   ├── screen.png                   only where something covered the runner
        │   └── samples.arrows  traces.arrows    only while measuring
        ├── left/<trial>.json            the way back to a phone that was left alone with its trial
        └── superseded/<trial>/<n>/      earlier attempts, as they were
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

INDEX = "index.sqlite"
RUNS = "runs"
PLAN = "plan.json"
LEDGER = "ledger.jsonl"
LOCK = "lock"
TRIALS = "trials"
SUPERSEDED = "superseded"
LEFT = "left"
TRIAL = "trial.json"
LOG = "log.txt"
PROFILE = "profile.json"
OUTPUTS = "outputs.npz"
SCREEN = "screen.png"
SAMPLES, BLOCKS, TRACES = "samples.parquet", "blocks.parquet", "traces.parquet"
RAW_SAMPLES, RAW_TRACES = "samples.arrows", "traces.arrows"
TEMPORARY_SUFFIX = ".tmp"
DELETED_PREFIX = ".deleted-"

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DIGEST_DIGITS = 10


def safe_name(text: str, limit: int = 140) -> str:
    """A file name of at most ``limit`` ASCII characters that no other text gets.

    Plain short names stay as they are. Anything else is reduced to ASCII and gets a digest of the
    whole text, so that two long or foreign names never meet in one file.
    """
    if len(text) <= limit and _PLAIN.fullmatch(text):
        return text
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text).strip("._-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    return f"{slug[: limit - _DIGEST_DIGITS - 1]}-{digest}".lstrip("-")


def trial_folder(run_folder: Path, trial_id: str) -> Path:
    """The folder of a trial's latest attempt."""
    return run_folder / TRIALS / safe_name(trial_id)
