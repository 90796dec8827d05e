"""The configurations that operators get are loaded by the programs that they are for."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from aioice import stun
from aioice.turn import make_integrity_key
from redis.exceptions import RedisError

from mediaserver.base.net.tls import ensure_self_signed
from mediaserver.store.bus import RedisBus
from mediaserver.store.counters import RedisCounters
from tests.e2e.ports import free_port
from tests.e2e.server import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"


def binary(name: str) -> str:
    """Also where Debian puts it for administrators."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or pytest.fail(f"install {name}")


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg", "coturn/turnserver.conf"])
def test_the_documentation_shows_the_tested_file(name: str) -> None:
    assert (CONFIG / name).read_text() in (ROOT / "docs" / "operations.md").read_text()


def test_nginx_takes_the_site(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["media.example.org"])
    site = (CONFIG / "nginx.conf").read_text()
    site = re.sub(r"/etc/letsencrypt/\S+fullchain.pem", str(cert), site)
    site = re.sub(r"/etc/letsencrypt/\S+privkey.pem", str(key), site)
    whole = tmp_path / "nginx.conf"
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy"))
    whole.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {paths} {site} }}"
    )
    done = subprocess.run([binary("nginx"), "-t", "-p", tmp_path, "-c", whole], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_haproxy_takes_its_file(tmp_path: Path) -> None:
    cert, key = ensure_self_signed(tmp_path, ["media.example.org"])
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    file = tmp_path / "haproxy.cfg"
    text = (CONFIG / "haproxy.cfg").read_text()
    assert "/etc/haproxy/media.example.org.pem" in text
    file.write_text(text.replace("/etc/haproxy/media.example.org.pem", str(both)))
    done = subprocess.run([binary("haproxy"), "-c", "-f", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "WARNING" not in done.stderr + done.stdout


# ------------------------------------------------------------------------------------------ Redis


@contextlib.asynccontextmanager
async def redis_of_the_compose_file(directory: Path, password: str) -> AsyncIterator[str]:
    """Started by the script that the container runs; answers the URL of the server's user."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = {
        "PATH": "/usr/bin:/bin", "MEDIASERVER_PASSWORD": password, "USERS_FILE": str(directory / "users.acl"),
        "CONFIG_FILE": str(CONFIG / "redis" / "redis.conf"),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "sh", CONFIG / "redis" / "start.sh", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
        env=environment, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await wait_until(lambda: _listens(port), 20, "Redis listens")
        yield f"redis://mediaserver:{password}@127.0.0.1:{port}/0"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_the_user_of_redis_may_do_what_the_server_does(tmp_path: Path) -> None:
    async with redis_of_the_compose_file(tmp_path, secrets.token_hex(12)) as url:
        counters = RedisCounters(url)
        assert (await counters.hit("logins", 2, 60)).allowed
        assert await counters.count("logins", 60) == 2
        await counters.peek("logins", 2, 60)
        await counters.reset("logins")
        await counters.close()
        heard: list[object] = []
        bus = RedisBus(url, "mediaserver:mediaserver:events", heard.append, lambda *_: None)
        running = asyncio.create_task(bus.run())
        try:
            await wait_until(lambda: _fit(bus), 20, "the bus is connected")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _fit(bus: RedisBus) -> bool:
    try:
        await bus.check()
    except Exception:  # noqa: BLE001 - not yet
        return False
    return True


@pytest.mark.parametrize(
    "command",
    [
        ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("ACL", "LIST"), ("GET", "others:key"),
        ("SHUTDOWN",), ("MONITOR",), ("PUBLISH", "others", "x"), ("SUBSCRIBE", "others"),
        ("REPLICAOF", "192.0.2.1", "1"), ("EVAL", "return redis.call('GET', 'others:key')", "0"),
        ("MODULE", "LIST"), ("CLIENT", "LIST"),
    ],
)  # fmt: skip
async def test_the_user_of_redis_may_do_nothing_else(tmp_path: Path, command: tuple[str, ...]) -> None:
    async with redis_of_the_compose_file(tmp_path, "secret") as url:
        client = redis.asyncio.Redis.from_url(url, single_connection_client=True)
        with pytest.raises(RedisError, match=r"(?i)permission|can't access"):
            await client.execute_command(*command)
        await client.aclose()


async def test_nobody_else_may_use_redis(tmp_path: Path) -> None:
    async with redis_of_the_compose_file(tmp_path, "secret") as url:
        address = url.partition("@")[2]
        for account in ("", ":secret@", "mediaserver:wrong@", "default:secret@"):
            client = redis.asyncio.Redis.from_url(f"redis://{account}{address}")
            with pytest.raises(RedisError):
                await client.ping()
            await client.aclose()
        users = (tmp_path / "users.acl").read_text()
        assert "secret" not in users


# ------------------------------------------------------------------------------------------ coturn


@contextlib.asynccontextmanager
async def coturn_of_the_compose_file(directory: Path, secret: str, **changed: str) -> AsyncIterator[int]:
    """With the file of the container; only addresses and ports are a test's own."""
    port = free_port()
    text = (CONFIG / "coturn" / "turnserver.conf").read_text()
    for name, value in {"listening-port": str(port), **changed}.items():
        text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
        assert count == 1, name
    file = directory / "turnserver.conf"
    file.write_text(text)
    process = await asyncio.create_subprocess_exec(
        binary("turnserver"), "-c", str(file), f"--static-auth-secret={secret}", "--allowed-peer-ip=127.0.0.1",
        "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers",
        f"--pidfile={directory / 'pid'}", f"--userdb={directory / 'db'}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = bytearray()

    async def listen() -> None:
        assert process.stdout is not None
        while piece := await process.stdout.read(4096):
            said.extend(piece)

    listening = asyncio.create_task(listen())
    try:
        try:
            await wait_until(lambda: _listens(port), 20, "coturn listens")
        except AssertionError as late:
            raise AssertionError(said.decode(errors="replace")) from late
        assert b"Bad configuration" not in said
        assert b"Unknown" not in said, said.decode(errors="replace")
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


class Relayed:
    """A client of the relay: one socket, and what is asked of coturn with the credentials of `user`."""

    def __init__(self, port: int, secret: str, username: str) -> None:
        digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
        self._username, self._password = username, base64.b64encode(digest).decode()
        self._known: dict[str, object] = {}
        self._key = b""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(1)
        self._socket.connect(("127.0.0.1", port))

    def close(self) -> None:
        self._socket.close()

    def allocate(self) -> int:
        """0, or the code of the refusal."""
        asked = {"LIFETIME": 600, "REQUESTED-TRANSPORT": 0x11000000}
        first = self._ask(stun.Method.ALLOCATE, asked)
        if first.attributes["ERROR-CODE"][0] != 401:
            return _code(first)
        realm, nonce = first.attributes["REALM"], first.attributes["NONCE"]
        self._known = {"USERNAME": self._username, "REALM": realm, "NONCE": nonce}
        self._key = make_integrity_key(self._username, realm, self._password)
        return _code(self._ask(stun.Method.ALLOCATE, asked))

    def bind(self, channel: int, peer: tuple[str, int]) -> int:
        return _code(self._ask(stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": channel, "XOR-PEER-ADDRESS": peer}))

    def _ask(self, method: stun.Method, attributes: dict[str, object]) -> stun.Message:
        request = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
        request.attributes.update({**attributes, **self._known})
        if self._key:
            request.add_message_integrity(self._key)
        for _ in range(10):
            self._socket.send(bytes(request))
            try:
                answer = stun.parse_message(self._socket.recv(2048))
            except TimeoutError:
                continue
            if answer.transaction_id == request.transaction_id:
                return answer
        raise AssertionError("coturn does not answer")


def _code(answer: stun.Message) -> int:
    found: tuple[int, str] = answer.attributes.get("ERROR-CODE", (0, ""))
    return found[0]


async def allocated(port: int, secret: str, *users: str) -> list[int]:
    """What becomes of an allocation of each, all of them held at the same time."""
    until = int(time.time()) + 600
    clients = [Relayed(port, secret, f"{until}:{user}") for user in users]
    try:
        return [await asyncio.to_thread(client.allocate) for client in clients]
    finally:
        for client in clients:
            client.close()


async def test_one_user_of_coturn_cannot_take_all_allocations(tmp_path: Path) -> None:
    async with coturn_of_the_compose_file(tmp_path, "shared", **{"user-quota": "2"}) as port:
        # RFC 8656 section 7.2: 486 is "allocation quota reached".
        assert await allocated(port, "shared", "ann", "ann", "ann", "ben") == [0, 0, 486, 0]


async def test_all_users_of_coturn_together_have_a_bound(tmp_path: Path) -> None:
    async with coturn_of_the_compose_file(tmp_path, "shared", **{"total-quota": "3"}) as port:
        assert await allocated(port, "shared", "ann", "ben", "cora", "dan") == [0, 0, 0, 486]


async def test_only_the_announced_address_is_reached_through_coturn(tmp_path: Path) -> None:
    others = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "127.0.0.2", "8.8.8.8"]
    async with coturn_of_the_compose_file(tmp_path, "shared") as port:
        client = Relayed(port, "shared", f"{int(time.time()) + 600}:ann")
        assert await asyncio.to_thread(client.allocate) == 0
        assert await asyncio.to_thread(client.bind, 0x4000, ("127.0.0.1", 40_000)) == 0
        for number, address in enumerate(others, start=0x4001):
            assert await asyncio.to_thread(client.bind, number, (address, 40_000)) == 403, address
        client.close()


async def test_without_the_secret_coturn_relays_nothing(tmp_path: Path) -> None:
    async with coturn_of_the_compose_file(tmp_path, "shared") as port:
        assert await allocated(port, "another", "ann") == [401]
