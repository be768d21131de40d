"""``python -m harness.models.convert JOB``: one build in a process of its own.

So a crash of a converter, its noise and its memory stay out of the host. JOB is a JSON file with
``recipe``, ``source`` (a path or null), ``target`` and ``result``; the result is a JSON file with
either ``manifest``, or ``error`` and ``missing_module`` (empty where none is missing).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.convert import ConvertError


def main(job_path: Path) -> int:
    """Do one job; the exit code only says whether it worked."""
    job = json.loads(job_path.read_text())
    result = _result(job)
    Path(job["result"]).write_text(json.dumps(result))
    return 0 if "manifest" in result else 1


def _result(job: dict[str, Any]) -> dict[str, object]:
    try:
        from harness.models.convert.build import build

        source = Path(job["source"]) if job["source"] else None
        return {"manifest": build(job["recipe"], source, Path(job["target"]))}
    except (ConvertError, CatalogueError) as error:
        return {"error": str(error), "missing_module": ""}
    except OSError as error:
        return {"error": error.strerror or str(error), "missing_module": ""}
    except ImportError as error:
        return {"error": str(error), "missing_module": error.name or str(error)}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
