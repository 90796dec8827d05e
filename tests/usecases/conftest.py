from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.conftest import ENGINES, engine, shared_server, uri  # noqa: F401 - fixtures
from tests.usecases.world import World, open_world


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    async with open_world(uri, tmp_path) as world:
        yield world
