from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mediaserver.base.ids import new_id
from mediaserver.base.settings.tree import Objects
from mediaserver.store.objects import ObjectStore, open_objects


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 of our own over real HTTP."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_admin(s3_endpoint: str) -> Iterator[Any]:
    """A client beside ours: making one takes a third of a second, so there is one."""
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=s3_endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    yield client
    client.close()


@pytest.fixture
def s3_settings(s3_endpoint: str, s3_admin: Any) -> Objects:
    """Settings for a bucket that is empty."""
    bucket = f"media-{new_id().lower()}"
    s3_admin.create_bucket(Bucket=bucket)
    return Objects(
        backend="s3",
        bucket=bucket,
        prefix="ours",
        endpoint_url=s3_endpoint,
        access_key="key",
        secret_key="secret",
    )


@pytest.fixture(params=["local", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    local = request.param == "local"
    settings = Objects() if local else request.getfixturevalue("s3_settings")
    opened = await open_objects(settings, tmp_path / "data")
    yield opened
    await opened.close()
