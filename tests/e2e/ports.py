"""Ports for servers that must be told theirs before they start."""

import contextlib
import random
import socket


def free_port() -> int:
    """A port that is free for TCP and UDP, from below those that the kernel gives to connections.

    Of the others, any connection of another test may take the port before its server does.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            datagrams.bind(("127.0.0.1", port))
            return port
