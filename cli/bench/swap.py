"""`vigia bench swap`: what a promotion and a rollback cost while declarations flow."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench.models import SEED, history, trained

if TYPE_CHECKING:
    from adapters.registry import Registered


def swap(
    rate: Annotated[float, typer.Option(min=10, help="declarations a second")] = 2_000.0,
    rounds: Annotated[int, typer.Option(min=1, help="how often a version is promoted and taken back")] = 3,
) -> None:
    """Promote a version and take it back while declarations flow: is each judged once, and how long is the pause?

    A broker and an MLflow server are started for the measurement, on free ports.
    """
    from adapters.registry import MlflowRegistry, RegistrySettings
    from cli.bench.stream import servers
    from flows.tracking import register_bundle
    from schemas import datasets
    from simulator.generate import Generator
    from stream import swapping
    from training.learn import Recipe
    from training.train import train

    spec = datasets.load("exportaciones")
    with tempfile.TemporaryDirectory(prefix="vigia-bench-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        first = trained(directory)
        train(spec, history(directory, spec.name), directory / "second", seed=SEED + 1, recipe=Recipe(epochs=10))
        with servers(directory, ["kafka", "postgres-metadata", "mlflow"]) as stack:
            from adapters.kafka import KafkaSettings

            uri = f"http://127.0.0.1:{stack.port('mlflow_port')}"
            registry = MlflowRegistry(RegistrySettings(mlflow_tracking_uri=uri))
            one, two = (register_bundle(registry, bundle) for bundle in (first, directory / "second"))
            registry.promote(one)

            def promote(model: "Registered") -> None:
                registry.promote(model)

            changes = []
            for number in range(rounds):
                changes.append(swapping.Change("promotion", 10.0 + 20 * number, lambda: promote(two)))
                changes.append(swapping.Change("rollback", 20.0 + 20 * number, lambda: registry.restore(registry.before(spec.model)[1])))
            declarations = (each for each, _ in Generator(spec.name, SEED).stream(datetime.now(UTC), 0.01))
            kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{stack.port('kafka_port')}")
            found = swapping.run(kafka, uri, directory, spec.name, declarations, rate, changes)
    versions = ", ".join(f"{count:,} by version {version}" for version, count in sorted(found.verdicts.items()))
    typer.echo(f"{found.declarations:,} declarations at {rate:,.0f}/s: {versions}; {found.doubled} doubled, {found.missing} missing")
    typer.echo(f"usually: {found.usual_delay_ms:.0f} ms from declaration to verdict (99 %: {found.slow_delay_ms:.0f} ms),")
    typer.echo(f"         {found.usual_pause_ms:.0f} ms between batches (99 %), {found.longest_pause_ms:.0f} ms at most")
    for each in found.swaps:
        typer.echo(
            f"{each.name:9} -> version {each.version}: in use {each.after_ms:,.0f} ms later, longest pause {each.pause_ms:.0f} ms, "
            f"slowest verdict {each.slowest_ms:.0f} ms"
        )
