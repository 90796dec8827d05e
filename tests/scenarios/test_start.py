"""A server that cannot start says in one plain message what is wrong and where, and ends."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.e2e.server import Server, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def refused_start(
    data: Path, settings: dict[str, str], *also: str, env: dict[str, str] | None = None
) -> str:
    """Start with settings that cannot work; the message."""
    settings = {"http.port": "0", "media.ip": "127.0.0.1", "data.dir": str(data), **settings}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "serve", *flags, *also,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    said = output.decode()
    assert process.returncode not in (0, None), said
    assert "Traceback" not in said, said
    assert sum(line.startswith("mediaserver: ") for line in said.splitlines()) == 1, said
    return said[said.index("mediaserver: ") :]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


async def test_no_mongodb(tmp_path: Path, closed_port: int) -> None:
    said = await refused_start(tmp_path, {"mongodb.uri": f"mongodb://someone:secret@127.0.0.1:{closed_port}/"})
    assert "MongoDB" in said and f"127.0.0.1:{closed_port}" in said
    assert "secret" not in said


async def test_no_mongodb_uri(tmp_path: Path) -> None:
    assert "mongodb.uri" in await refused_start(tmp_path, {"mongodb.uri": "mongodb://"})


def s3(endpoint: str, bucket: str, **more: str) -> dict[str, str]:
    return {
        "objects.backend": "s3", "objects.bucket": bucket, "objects.endpoint_url": endpoint,
        "objects.access_key": "key", "objects.secret_key": "secret", **more,
    }  # fmt: skip


async def test_no_s3(tmp_path: Path, closed_port: int) -> None:
    said = await refused_start(tmp_path, s3(f"http://127.0.0.1:{closed_port}", "media"))
    assert "objects" in said and f"127.0.0.1:{closed_port}" in said


async def test_no_bucket(tmp_path: Path, s3_port: int) -> None:
    said = await refused_start(tmp_path, s3(f"http://127.0.0.1:{s3_port}", "missing-bucket"))
    assert "missing-bucket" in said and "does not exist" in said


async def test_wrong_s3_credentials(tmp_path: Path) -> None:
    """Moto takes any key until it is told to look; here somebody else plays an S3 that refuses."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as strict:
        port = strict.sockets[0].getsockname()[1]
        said = await refused_start(tmp_path, s3(f"http://127.0.0.1:{port}", "media"))
    assert "media" in said and "refused" in said


async def test_s3_without_a_bucket(tmp_path: Path) -> None:
    assert "objects.bucket" in await refused_start(tmp_path, {"objects.backend": "s3"})


async def test_a_data_directory_that_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    assert str(file / "data") in await refused_start(file / "data", {})


async def test_a_data_directory_that_is_read_only() -> None:
    assert "/proc/mediaserver" in await refused_start(Path("/proc/mediaserver"), {})


async def test_a_port_in_use(tmp_path: Path, taken_port: int) -> None:
    assert f"http.port {taken_port}" in await refused_start(tmp_path, {"http.port": str(taken_port)})


async def test_a_media_address_that_is_not_ours(tmp_path: Path) -> None:
    assert "192.0.2.1" in await refused_start(tmp_path, {"media.ip": "192.0.2.1"})


async def test_a_media_port_in_use(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        assert port in await refused_start(tmp_path, {"media.port": port})


async def test_wrong_settings_are_named_all_at_once(tmp_path: Path) -> None:
    said = await refused_start(tmp_path, {"http.port": "many", "rooms.capacity": "0"})
    assert "http.port" in said and "rooms.capacity" in said


async def test_unknown_settings(tmp_path: Path) -> None:
    assert "http.prot" in await refused_start(tmp_path, {"http.prot": "1"})
    env = {"MEDIASERVER_HTTP__PROT": "1"}
    assert "MEDIASERVER_HTTP__PROT" in await refused_start(tmp_path, {}, env=env)


async def test_wrong_settings_files(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    assert str(file) in await refused_start(tmp_path / "data", {}, "--config", str(file))
    file.write_text("[http]\nport = \n")
    assert str(file) in await refused_start(tmp_path / "data", {}, "--config", str(file))
    file.write_text("[http]\nprot = 1\n")
    assert "http.prot" in await refused_start(tmp_path / "data", {}, "--config", str(file))


async def test_wrong_tls_files(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    absent = str(tmp_path / "absent.key")
    data = tmp_path / "data"
    assert str(wrong) in await refused_start(data, {"tls.cert": str(wrong), "tls.key": str(wrong)})
    assert absent in await refused_start(data, {"tls.cert": str(wrong), "tls.key": absent})
    assert "tls.key" in await refused_start(data, {"tls.cert": str(wrong)})


async def test_trusted_proxies_that_are_no_addresses(tmp_path: Path) -> None:
    assert "http.trusted_proxies" in await refused_start(tmp_path, {"http.trusted_proxies": "proxy.example"})


async def test_a_damaged_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "jwt.key").write_bytes(b"short")
    assert "jwt.key" in await refused_start(tmp_path, {})


async def test_a_damaged_database(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir(mode=0o700)
    (tmp_path / "documents" / "documents.sqlite").write_bytes(b"not a database" * 1000)
    assert "documents.sqlite" in await refused_start(tmp_path, {})


async def test_a_second_server_on_the_same_data(server: Server) -> None:
    assert str(server.data) in await refused_start(server.data, {})


async def test_a_start_can_be_ended(tmp_path: Path) -> None:
    """SIGTERM while an S3 that does not answer is waited for."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        settings = s3(f"http://127.0.0.1:{port}", "media").items()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver", "serve", "--data.dir", str(tmp_path), "--http.port", "0",
            *(part for name, value in settings for part in (f"--{name}", value)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        await wait_until(lambda: (tmp_path / "secrets" / "url.key").exists(), 10, "the start is under way")
        process.send_signal(signal.SIGTERM)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 15)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, output
    assert b"Traceback" not in output


async def test_s3_is_taken_when_it_is_there(tmp_path: Path, s3_port: int) -> None:
    endpoint = f"http://127.0.0.1:{s3_port}"
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="there")
    client.close()
    async with Server.running(tmp_path, s3(endpoint, "there")) as running:
        assert running.url
