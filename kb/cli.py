"""The command `kb`. Each subcommand is imported when it is called: none waits for what others need."""

from __future__ import annotations

import os
import resource
import sys
from importlib import import_module
from typing import NoReturn

import click

from kb import __version__
from kb.errors import KbError
from kb.later import importing

COMMANDS = {
    "serve": "kb.serve_cli:serve_command",
    "index": "kb.index_cli:index_command",
    "search": "kb.search_cli:search_command",
    "why": "kb.search_cli:why_command",
    "eval": "kb.search_cli:eval_command",
    "check": "kb.check_cli:check_command",
    "publish": "kb.publish_cli:publish_command",
    "translations": "kb.publish_cli:translations_command",
    "replay": "kb.publish_cli:replay_command",
    "bisect": "kb.publish_cli:bisect_command",
    "synonyms": "kb.publish_cli:synonyms_command",
    "token": "kb.records_cli:token",
    "forget": "kb.reports_cli:forget",
    "prune": "kb.records_cli:prune",
    "tickets": "kb.tickets_cli:tickets",
    "report": "kb.reports_cli:report_command",
    "gap": "kb.reports_cli:gap_command",
}

_MOST_FILES = 65_536


class _Commands(click.Group):
    """Commands by the place of their function."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        module, _, name = COMMANDS.get(cmd_name, "").partition(":")
        if not module:
            raise click.NoSuchCommand(cmd_name, possibilities=COMMANDS, ctx=ctx)
        with importing():
            command: click.Command = getattr(import_module(module), name)
        return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__)
def cli() -> None:
    """A self-service knowledge base: Markdown in, ranked answers out."""


def main() -> None:
    """Entry point of the `kb` command. Exit status 2, after one line, when something cannot be done."""
    _open_files()
    try:
        sys.exit(cli(prog_name="kb", standalone_mode=False))
    except KbError as error:
        _refuse(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        reason = error.format_message()
        stop = "" if reason.endswith((".", "?")) else "."
        _refuse(f"{reason}{stop} See `{context.command_path if context else 'kb'} --help`.")
    except click.Abort:
        _refuse("stopped", 130)
    except BrokenPipeError:
        # whoever read our output has seen enough: `kb search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _open_files() -> None:
    """As many as the system grants: Python holds a descriptor for each mapped file, fifty a locale and
    audience and one for every 64 articles, and those of two generations when one follows the other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _refuse(reason: str, status: int = 2) -> NoReturn:
    click.echo(f"kb: {reason}", err=True)
    sys.exit(status)
