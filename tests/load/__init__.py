"""Loads the API with Locust: see `python -m tests.load --help`."""
