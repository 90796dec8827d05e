import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from botocore.exceptions import ClientError

from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.settings.tree import Objects
from mediaserver.store.objects import ObjectStore, open_objects
from mediaserver.store.objects.s3 import S3Objects


@pytest.fixture
async def s3(s3_settings: Objects, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    store = await open_objects(s3_settings, tmp_path)
    yield store
    await store.close()


async def test_a_presigned_url_serves_the_object_with_the_headers_asked_for(s3: ObjectStore) -> None:
    await s3.put_bytes("a/b", b"hello", "text/plain")
    url = await s3.presigned_url("a/b", 60, "video/mp4", 'attachment; filename="x.mp4"')
    assert url is not None
    assert "X-Amz-Expires=60" in url
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == b"hello"
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="x.mp4"'


async def test_a_presigned_put_is_for_one_type_and_one_size(s3: ObjectStore) -> None:
    place = await s3.presigned_put("incoming/1", 60, "video/webm;codecs=vp8", 5)
    assert place is not None
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost" in place.url
    assert "X-Amz-Expires=60" in place.url
    async with (
        aiohttp.ClientSession() as session,
        session.put(place.url, data=b"hello", headers=place.headers) as answer,
    ):
        assert answer.status == 200
    assert (await s3.stat("incoming/1")).size == 5


async def test_presigned_urls_name_the_host_that_clients_reach(s3_settings: Objects) -> None:
    public = s3_settings.model_copy(update={"public_endpoint_url": "https://files.example.org"})
    store = S3Objects(public)
    place = await store.presigned_put("a", 60, "text/plain", 1)
    url = await store.presigned_url("a", 60, "text/plain")
    assert place is not None and url is not None
    for one in (place.url, url):
        assert one.startswith(f"https://files.example.org/{s3_settings.bucket}/ours/a?")
    await store.close()


async def test_the_prefix_stands_before_every_key(s3: ObjectStore, s3_settings: Objects, tmp_path: Path) -> None:
    await s3.put_bytes("a/b", b"x", "text/plain")
    bare = await open_objects(s3_settings.model_copy(update={"prefix": ""}), tmp_path)
    assert [listed.key async for listed in bare.list("")] == ["ours/a/b"]
    await bare.close()


async def test_a_missing_bucket_stops_the_start(s3_settings: Objects, tmp_path: Path) -> None:
    settings = s3_settings.model_copy(update={"bucket": "nowhere"})
    with pytest.raises(StartError, match=r"the bucket nowhere at http://.* does not exist"):
        await open_objects(settings, tmp_path)


async def test_an_endpoint_that_does_not_answer_stops_the_start(s3_settings: Objects, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        settings = s3_settings.model_copy(update={"endpoint_url": endpoint})
        with pytest.raises(StartError, match=rf"the bucket media-\w+ at {endpoint} .* cannot be reached"):
            await open_objects(settings, tmp_path)


async def test_an_endpoint_that_is_no_url_stops_the_start(s3_settings: Objects, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"objects\.endpoint_url: Invalid endpoint: minio"):
        await open_objects(s3_settings.model_copy(update={"endpoint_url": "minio"}), tmp_path)


async def test_missing_credentials_stop_the_start(
    s3_settings: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = s3_settings.model_copy(update={"access_key": "", "secret_key": ""})
    with pytest.raises(StartError, match=r"there are no credentials; set objects\.access_key"):
        await open_objects(settings, tmp_path)


async def test_refused_credentials_are_told(s3_settings: Objects) -> None:
    store = S3Objects(s3_settings)

    def refuse(**params: object) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    store._prober.head_bucket = refuse
    with pytest.raises(Unavailable, match="the access is refused"):
        await store.check()
    await store.close()


async def test_a_connection_that_breaks_in_the_middle_goes_on_where_it_stopped(
    s3: ObjectStore, s3_settings: Objects, tmp_path: Path
) -> None:
    whole = bytes(range(256)) * 8_000
    await s3.put_bytes("a/b", whole, "video/mp4")
    async with cutting_proxy(s3_settings.endpoint_url, cut_after=700_000, cuts=2) as endpoint:
        store = await open_objects(s3_settings.model_copy(update={"endpoint_url": endpoint}), tmp_path)
        assert b"".join([chunk async for chunk in store.read("a/b")]) == whole
        await store.close()


@asynccontextmanager
async def cutting_proxy(endpoint: str, cut_after: int, cuts: int) -> AsyncIterator[str]:
    """Carries TCP to `endpoint`; the first `cuts` answers end after `cut_after` bytes."""
    target = urlsplit(endpoint)
    left = [cuts]

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: bool) -> None:
        carried = 0
        while data := await reader.read(65536):
            carried += len(data)
            writer.write(data)
            await writer.drain()
            if limit and left[0] and carried > cut_after:
                left[0] -= 1
                break
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(
            carry(reader, far_writer, False), carry(far_reader, writer, True), return_exceptions=True
        )
        far_writer.close()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
    assert left == [0]
