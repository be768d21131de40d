"""``benchfarm``: the table of contents of the command line.

Commands are imported when they are called, so that ``--help`` stays instant.
"""

from __future__ import annotations

import importlib

import click

from harness import __version__

#: Command name: module under harness.cli holding a click command of that name, and its one line.
_COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("bench", "Measure a model file now: one line in, one table out."),
    "run": ("run", "Run a scenario file."),
    "plan": ("plan", "Show what a scenario would measure, and how long it takes."),
    "compare": ("compare", "Say what is slower, faster or equivalent, and how sure that is."),
    "nightly": ("nightly", "Compare two arms overnight; alarm only for what is confirmed."),
    "calibrate": ("calibrate", "Measure each unit's false-alarm rate with equal arms."),
    "baselines": ("baselines", "Keep an arm under a name, to compare later builds with."),
    "report": ("report", "Render stored runs as HTML, Markdown or CSV."),
    "runs": ("runs", "List, show, export and delete stored runs."),
    "devices": ("devices", "List the devices at hand."),
    "doctor": ("doctor", "Check that this machine can measure, and tidy up after a crash."),
    "models": ("models", "Build, prove and compare model variants."),
    "schema": ("schema", "Print the JSON schema of scenario files."),
}


class _LazyGroup(click.Group):
    """Loads a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"harness.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="benchfarm")
def cli() -> None:
    """Benchmarks of machine-learning models on phones that you can trust.

    Start with `benchfarm bench my.tflite`, or `benchfarm run scenarios/quickstart.yaml`.
    """


def main() -> None:
    """Entry point: one clear line and the right exit code for every error we know."""
    from harness.cli.exits import run_and_exit

    run_and_exit(cli)
