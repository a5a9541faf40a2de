"""The `vigia` command. Every command's file imports what it needs when it is called, so that help is instant."""

import logging

import typer

from cli import bench, down, evaluate, graph, probe, publish, replay, score, simulate, status, train, up, watch

app = typer.Typer(
    name="vigia",
    help="Vigía watches foreign trade as it happens: declarations in, explained alerts and a graph out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    up.up,
    down.down,
    status.status,
    simulate.simulate,
    publish.publish,
    watch.watch,
    probe.probe,
    train.train,
    score.score,
    evaluate.evaluate,
    replay.replay,
):
    app.command()(command)
app.add_typer(graph.app, name="graph")
app.add_typer(bench.app, name="bench")


def run() -> None:
    """Runs the command line. What a user can mend is one sentence; anything else is a bug, and shows its stack."""
    from core.errors import ConfigurationError, Unavailable

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except (ConfigurationError, Unavailable) as error:
        raise SystemExit(f"vigia: {error}") from None
    except OSError as error:
        if error.filename is None:
            raise
        raise SystemExit(f"vigia: {error.filename}: {error.strerror}. Check the path that was given, and its directory") from None
