"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

ARTICLES = click.option("--articles", type=click.Path(path_type=Path), help="Folder of Markdown articles.")
VAR = click.option(
    "--var",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="Folder of all state.",
)
LOCALE = click.option("--locale", help="Locale of files outside the locale folders; of the query.")
