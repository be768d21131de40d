"""What can go wrong in a build, each in one line that says what to do."""

from __future__ import annotations


class BuildError(Exception):
    """The build cannot go on."""


class ToolMissing(BuildError):
    """A program of the tool chain is not installed."""


class ArtefactUnavailable(BuildError):
    """Maven could not fetch a pinned artefact."""


class Unpinned(BuildError):
    """An artefact was fetched that nobody has looked at yet."""
