"""`vigia down`: stops a stack."""

import typer

from cli.up import DataDir, stack_settings, stop


def down(data_dir: DataDir = None) -> None:
    """Stop the stack of a data directory; its data stays."""
    from rich.console import Console

    settings = stack_settings(data_dir, None)
    if stop(settings.data, Console()):
        typer.echo("Vigía is down. Its data is kept: `vigia up` goes on from here.")
    else:
        typer.echo(f"No stack runs on {settings.data}.")
