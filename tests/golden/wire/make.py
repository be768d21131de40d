"""Writes the golden vectors of the runner wire: ``python tests/golden/wire/make.py [FOLDER]``.

Every line is one stream of bytes. ``accept`` streams hold one packet whose ``meaning`` is given
with every field; where ``canonical`` is true, encoding the meaning gives the same bytes. The others
are refused with the code ``why``, before or at the end of the stream. The bytes are put together
by hand (``streams.py``), not by the codec, so that the codec is checked against something.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [folder for folder in [str(Path(__file__).parents[2])] if folder not in sys.path]

from golden.wire.accepted import host_messages, runner_messages  # noqa: E402
from golden.wire.refused import rejects  # noqa: E402

FILES = {"host.jsonl": host_messages, "runner.jsonl": runner_messages, "reject.jsonl": rejects}


def write(folder: Path) -> None:
    """Write every file."""
    for name, lines in FILES.items():
        rows = (json.dumps(line, sort_keys=True) + "\n" for line in lines())
        (folder / name).write_text("".join(rows), encoding="ascii")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
