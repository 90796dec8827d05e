"""What the tests of generators share: the document as a file, and a running server with an admin."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaserver.api import description
from tests.api.running import running

ADMIN = "root"


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document, as `mediaserver openapi` prints it."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(description(), indent=1))
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on which `ADMIN` can sign in. Modules use accounts and course codes of their own."""
    with running(tmp_path_factory.mktemp("school") / "data", ADMIN, {}) as url:
        yield url
