"""``python -m harness.cli`` is ``benchfarm``."""

from __future__ import annotations

from harness.cli.main import main

main()
