"""Where the files that come with benchfarm lie: catalogue, schema and example scenarios."""

from __future__ import annotations

from pathlib import Path

import harness
from harness.errors import CatalogueError


def builtin_folder() -> Path:
    """The folder with ``catalogue.yaml``, ``schema.json`` and the example scenarios.

    Installed from a wheel it is part of the package; in a checkout it is ``scenarios/``.
    Raises :class:`CatalogueError` when the installation is incomplete.
    """
    package = Path(harness.__file__).resolve().parent
    for folder in (package / "data" / "scenarios", package.parent / "scenarios"):
        if (folder / "catalogue.yaml").is_file():
            return folder
    raise CatalogueError("the built-in model catalogue is missing; install benchfarm again")
