"""`vigia replay`: dead letters, mended, back onto the topic they came from."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import BootstrapServers, kafka_settings


def replay(
    file: Annotated[Path | None, typer.Argument(help="mended dead letters, as --export wrote them", show_default=False)] = None,
    export: Annotated[Path | None, typer.Option(help="write the dead letters to this JSONL file, to be mended")] = None,
    code: Annotated[str | None, typer.Option(help="export only the dead letters with this vigia.code")] = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Export dead letters to a file (--export FILE), or send the mended ones back (replay FILE).

    Each line holds the reason, the place, and the message's text in `value`. Mend `value`, leave out the lines to drop, and
    replay the file. What was received stays in the dead letters; a line that is still no declaration is not sent.
    """
    from adapters.kafka import TopicSettings
    from stream import dead_letters

    kafka, topics = kafka_settings(bootstrap_servers), TopicSettings()
    if export and not file:
        count = dead_letters.export(kafka, topics, export, code)
        typer.echo(f"{count:,} dead letters written to {export}: mend their `value`, then run vigia replay {export}")
    elif file and not export:
        sent, refused = dead_letters.replay(kafka, topics, file)
        typer.echo(f"{sent:,} declarations sent back")
        for line, why in refused:
            typer.echo(f"  line {line} was not sent: {why}", err=True)
        if refused:
            raise typer.Exit(1)
    else:
        raise typer.BadParameter("give either a file to replay, or --export FILE")
