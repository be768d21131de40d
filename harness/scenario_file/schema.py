"""The JSON schema of scenario files, for editors and for ``benchfarm schema``."""

from __future__ import annotations

import json

from harness.scenario_file.kinds import Schema
from harness.scenario_file.table import DEFINITIONS, SCENARIO


def json_schema() -> Schema:
    """The schema as JSON data, made from the table that parsing uses."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "benchfarm scenario",
        **SCENARIO.schema(),
        "$defs": {named.name: named.kind.schema() for named in DEFINITIONS},
    }


def schema_text() -> str:
    """The schema as the text of ``scenarios/schema.json``."""
    return json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
