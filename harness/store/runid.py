"""Run ids: sortable by time, readable, safe as a folder name."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from harness.clock import Clock
from harness.store.layout import safe_name

_SCENARIO_LIMIT = 60


def new_run_id(clock: Clock, scenario: str, token: Callable[[int], str] = secrets.token_hex) -> str:
    """``20261120T211233Z-quickstart-1f3a``: UTC start time, scenario name, four random digits.

    ``token`` gives so many random bytes as hexadecimal digits. Two runs may still draw the same id;
    :meth:`ResultsStore.create_run` then lengthens the later one.
    """
    return f"{clock.now():%Y%m%dT%H%M%SZ}-{safe_name(scenario, _SCENARIO_LIMIT)}-{token(2)}"
