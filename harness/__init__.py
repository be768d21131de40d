"""The host orchestrator: from a scenario file to stored, trustworthy trial records."""

from __future__ import annotations

__version__ = "0.1.0"
