"""One line about a run: what lists show and what the index caches."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.errors import StoreError, UserError
from harness.record import Outcome, RunPlan
from harness.store import layout
from harness.store.documents import read_plan_document
from harness.store.ledger import LedgerState, ledger_state
from harness.store.lock import is_held

LATEST = "latest"
COMPLETE, INTERRUPTED, RUNNING, UNREADABLE = "complete", "interrupted", "running", "unreadable"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as lists show it."""

    run_id: str
    scenario: str
    label: str | None
    created_at: str  #: UTC, ISO 8601
    planned: int  #: trials in the plan
    counts: dict[Outcome, int] = field(default_factory=dict)  #: ended trials by latest outcome
    state: str = INTERRUPTED  #: running, complete, interrupted or unreadable
    problem: str | None = None  #: why it is unreadable


def summarise(run_id: str, plan: RunPlan, ledger: LedgerState) -> RunSummary:
    """The summary of a run as it stands if its owner is dead, see :func:`alive`."""
    return _summary(run_id, plan.scenario, plan.label, plan.created_at, len(plan.trials), ledger)


def read_summary(run_folder: Path) -> RunSummary:
    """As :func:`summarise`, from the files; a run that cannot be read says so in ``problem``."""
    try:
        plan = read_plan_document(run_folder / layout.PLAN)
        ledger = ledger_state(run_folder / layout.LEDGER)
        return _summary(
            run_folder.name,
            plan["scenario"],
            plan["label"],
            plan["created_at"],
            len(plan["trials"]),
            ledger,
        )
    except StoreError as error:
        problem = str(error)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{run_folder}: damaged: {error!r}"
    return RunSummary(run_folder.name, "", None, "", 0, state=UNREADABLE, problem=problem)


def _summary(
    run_id: str, scenario: str, label: str | None, created_at: str, planned: int, state: LedgerState
) -> RunSummary:
    counts = dict(Counter(state.outcomes.values()))
    ended = state.closed or INTERRUPTED
    return RunSummary(run_id, scenario, label, created_at, planned, counts, ended)


def alive(summary: RunSummary, run_folder: Path) -> RunSummary:
    """The summary as it is now: ``running`` while a living process holds the run's lock."""
    if summary.state == INTERRUPTED and is_held(run_folder):
        return replace(summary, state=RUNNING)
    return summary


def choose(selector: str, newest_first: Sequence[RunSummary]) -> RunSummary:
    """The run meant by an id, ``latest``, a label (its newest run) or a unique prefix of an id.

    UserError with the nearest candidates when none or several are meant.
    """
    if not newest_first:
        raise UserError(f"no run {selector!r}: this results folder has no runs yet")
    if selector == LATEST:
        return newest_first[0]
    exact = [run for run in newest_first if run.run_id == selector]
    labelled = [run for run in newest_first if run.label == selector]
    if exact or labelled:
        return (exact or labelled)[0]
    begun = [run for run in newest_first if selector and run.run_id.startswith(selector)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        names = ", ".join(run.run_id for run in begun[:3])
        raise UserError(f"{len(begun)} runs begin with {selector!r}: {names}; give more of the id")
    raise UserError(f"no run {selector!r}; the nearest are {_nearest(selector, newest_first)}")


def _nearest(selector: str, runs: Sequence[RunSummary]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in (run.label, run.run_id) if name))
    return ", ".join(difflib.get_close_matches(selector, names, n=3, cutoff=0.3) or names[:3])
