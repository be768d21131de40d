"""An artifact-evaluation package: stored runs, their tables, and how to make the tables again.

Whoever gets it needs no phone: ``make check`` compares every file with its digest, ``make tables``
renders the stored runs anew, ``make compare`` shows that the new tables are the enclosed ones.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import UserError
from harness.store import layout
from harness.store.anonymous import Disguise
from harness.store.archive import copy_run, new_folder_or_archive
from harness.store.files import translated
from harness.store.run_reader import RunReader
from harness.text import markdown_text

#: Renders the runs of a results folder into another folder.
Render = Callable[[Path, Path], None]

RESULTS, TABLES = "results", "tables"
#: What the package holds of its report; figures depend on the fonts and libraries of a machine.
FORMATS = ("html", "md", "csv", "latex")
_DIGESTS = "SHA256SUMS"
_CHUNK = 1 << 20


def write_artifact(
    runs: Sequence[RunReader],
    target: Path,
    render: Render,
    *,
    version: str,
    anonymous: bool,
) -> None:
    """Write the package to ``target``, a new folder or a new ``.tar.gz``.

    ``render`` gets the packed results folder and the folder for the tables; ``version`` is the
    benchfarm that rendered. Raises UserError when ``target`` exists or a run is named twice, and
    StoreError, naming the path, when something cannot be read or written.
    """
    ids = [run.run_id for run in runs]
    if len(set(ids)) < len(ids):
        raise UserError("the same run is named twice; name each run once")
    disguise = Disguise(run.plan for run in runs) if anonymous else None
    name = target.name.removesuffix(".tar.gz").removesuffix(".tgz")
    with new_folder_or_archive(target, name) as folder:
        for run in runs:
            copy_run(run.folder, folder / RESULTS / layout.RUNS / run.run_id, disguise)
        render(folder / RESULTS, folder / TABLES)
        for index in (folder / RESULTS).glob(f"{layout.INDEX}*"):
            index.unlink()  # a cache, and different each time
        titles = sorted({run.plan.scenario for run in runs})
        texts = {
            "Makefile": _makefile(ids, version),
            "README.md": _readme(runs, version, anonymous=anonymous),
            "CITATION.cff": _citation(titles, runs[0].plan.created_at[:10], anonymous=anonymous),
        }
        with translated(folder):
            for file_name, text in texts.items():
                (folder / file_name).write_text(text, encoding="utf-8")
            (folder / _DIGESTS).write_text(_digests(folder), encoding="utf-8")


def _digests(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _makefile(ids: Sequence[str], version: str) -> str:
    runs = " ".join(shlex.quote(run_id) for run_id in ids)
    return f"""\
# Makes the tables from the stored runs; no phone is needed. `make` alone does all three steps.
PYTHON ?= python3
BENCHFARM ?= .venv/bin/benchfarm
RUNS := {runs}

.PHONY: all check tables compare

all: check tables compare

check:  ## every file is the one that was packed
\tsha256sum --quiet --check {_DIGESTS}

.venv/bin/benchfarm:
\t$(PYTHON) -m venv .venv
\t.venv/bin/python -m pip install --quiet 'benchfarm=={version}'

tables: $(BENCHFARM)  ## render the stored runs anew
\t$(BENCHFARM) report $(RUNS) --results {RESULTS} --format {",".join(FORMATS)} --out new-{TABLES}

compare:  ## the new tables are those that came with the package
\tdiff -r {TABLES} new-{TABLES} && echo "the tables are identical"
"""


def _readme(runs: Sequence[RunReader], version: str, *, anonymous: bool) -> str:
    listed = "\n".join(
        f"| `{run.run_id}` | {markdown_text(run.plan.scenario)} | {run.plan.created_at[:10]} "
        f"| {len(run.plan.trials)} |"
        for run in runs
    )
    hidden = (
        " Serial numbers, host names, people and folders were replaced; no number was touched."
        if anonymous
        else ""
    )
    return f"""\
# Measurements and how to check them

Measured with benchfarm {version}.{hidden}

| run | scenario | measured on | trials |
|---|---|---|---|
{listed}

- `{RESULTS}/`: every trial with its record, each inference and each telemetry reading (Parquet).
- `{TABLES}/`: the report and its LaTeX tables as rendered when this package was made.
- `make check` compares every file with `{_DIGESTS}`.
- `make tables` renders the runs anew into `new-{TABLES}/`. It installs benchfarm {version} from the
  package index; with one at hand, or where it is not published, use
  `make tables BENCHFARM=/path/to/benchfarm`.
- `make compare` shows that both are the same, byte for byte.
"""


def _citation(titles: Sequence[str], date: str, *, anonymous: bool) -> str:
    author = "Anonymous" if anonymous else "add your name"
    title = ", ".join(titles).replace("\\", "\\\\").replace('"', '\\"')
    return f"""\
cff-version: 1.2.0
message: If you use these measurements, please cite them as below.
type: dataset
title: "Measurements: {title}"
date-released: "{date}"
authors:
  - name: "{author}"
"""
