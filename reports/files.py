"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harness.errors import StoreError


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when the block ends well, and never existed otherwise.

    Folders are made as needed. Raises StoreError, naming the path, when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
