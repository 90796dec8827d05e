"""A coturn server on loopback, with the shared secret of a server's `media.turn_secret`."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.ports import free_port
from tests.e2e.server import wait_until


class Coturn:
    """A running relay; `settings` are what a `Server` needs to tell its clients of it."""

    def __init__(self, port: int, secret: str) -> None:
        self.settings = {
            "media.turn_urls": f"turn:127.0.0.1:{port}?transport=udp",
            "media.turn_secret": secret,
        }

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, directory: Path) -> AsyncIterator["Coturn"]:
        port, secret = free_port(), secrets.token_hex(16)
        process = await asyncio.create_subprocess_exec(
            "turnserver", "-n", "--listening-ip=127.0.0.1", f"--listening-port={port}", "--relay-ip=127.0.0.1",
            "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay",
            "--use-auth-secret", f"--static-auth-secret={secret}", "--realm=test",
            f"--pidfile={directory / 'turnserver.pid'}", f"--userdb={directory / 'turndb'}", "--log-file=stdout",
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await wait_until(lambda: _answers(port), 20, "coturn answers")
            yield cls(port, secret)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _answers(port: int) -> bool:
    """Whether a STUN server answers at this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.1)
        try:
            sock.connect(("127.0.0.1", port))
            sock.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + secrets.token_bytes(12))
            return sock.recv(1500)[:2] == b"\x01\x01"
        except OSError:
            return False
