"""What every test can ask for."""

pytest_plugins = ["tests.stack", "tests.model", "tests.learning", "tests.whole", "tests.browser"]
