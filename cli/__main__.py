"""`python -m cli`: the same as `vigia`."""

from cli.main import run

run()
