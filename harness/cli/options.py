"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

results_option: Decorator = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("BENCHFARM_RESULTS", "results")),
    show_default="./results, or BENCHFARM_RESULTS",
    help="The results store.",
)

select_option: Decorator = click.option(
    "-s",
    "--select",
    "selectors",
    multiple=True,
    metavar="DEVICE",
    help="Device: local, android:SERIAL, a nickname, or key=value pairs over facts and tags.",
)

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

set_option: Decorator = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override one key of the scenario, as in --set repeats=5.",
)
