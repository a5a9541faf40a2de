"""What the tests of the screen work with. Its parts are imported when they are asked for: Streamlit takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fake_world import World


@pytest.fixture
def world() -> World:
    """What the fake API knows."""
    from tests.fake_world import World

    return World()


@pytest.fixture
def api(world: World) -> Iterator[None]:
    """The screen before the fake API."""
    from tests.fake_api import app
    from tests.http import running
    from tests.screen import fresh

    with running(app(world)) as client, fresh(str(client.base_url)):
        yield
