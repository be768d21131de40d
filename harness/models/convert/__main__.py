"""``python -m harness.models.convert JOB``: one job in a process of its own.

So a crash of a converter, its noise and its memory stay out of the host. JOB is a JSON file with
``kind`` (one of _KINDS), what that kind needs, ``workspace`` and ``result``; the result is a JSON
file with either ``manifest``, or ``error`` and ``missing_module`` (empty where none is missing).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import CatalogueError
from harness.models.convert import ConvertError

_Answer = dict[str, object]


def main(job_path: Path) -> int:
    """Do one job; the exit code only says whether it worked."""
    job = json.loads(job_path.read_text())
    result = _result(job)
    Path(job["result"]).write_text(json.dumps(result))
    return 0 if "manifest" in result else 1


def _result(job: dict[str, Any]) -> _Answer:
    try:
        return {"manifest": _with_cost(_KINDS[job["kind"]], job)}
    except (ConvertError, CatalogueError) as error:
        return {"error": str(error), "missing_module": ""}
    except OSError as error:
        return {"error": error.strerror or str(error), "missing_module": ""}
    except ImportError as error:
        return {"error": str(error), "missing_module": error.name or str(error)}


def _with_cost(work: Callable[[Mapping[str, Any]], _Answer], job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.cost import measured

    return measured(lambda: work(job))


def _build(job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.build import build

    return build(job["recipe"], Path(job["target"]))


def _derive(job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.derive import derive

    return derive(job)


def _describe(job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.derive import describe

    return describe(job)


def _layers(job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.derive import layers

    return layers(job)


def _coreml(job: Mapping[str, Any]) -> _Answer:
    from harness.models.convert.network import network_of
    from harness.models.convert.to_coreml import write

    return write(network_of(job["recipe"]), Path(job["target"]), job["precision"], job["weights"])


_KINDS: dict[str, Callable[[Mapping[str, Any]], _Answer]] = {
    "build": _build,
    "derive": _derive,
    "describe": _describe,
    "layers": _layers,
    "coreml": _coreml,
}

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
