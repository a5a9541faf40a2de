"""`vigia bench`: how fast and how good the parts are, beside what they could be. One file a command."""

import typer

from cli.bench import calibration, detection, explanation, ingest, stream, swap, training

app = typer.Typer(help="How fast and how good the parts are, beside what they could be.", no_args_is_help=True)
for command in (
    stream.stream,
    ingest.ingest,
    swap.swap,
    detection.detection,
    calibration.calibration,
    explanation.explanation,
    training.training,
):
    app.command()(command)
