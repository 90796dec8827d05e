"""A UDP relay between clients and a worker that loses a given part of the datagrams, or all of them."""

import asyncio
import random
import socket
from typing import Any

from tests.media.peers import HOST

Address = Any


class Relay:
    """Listens on `port`; every client address gets an upstream socket of its own."""

    def __init__(self, upstream_port: int, loss: float = 0.0, seed: int = 1) -> None:
        self._upstream = (HOST, upstream_port)
        self.loss, self._chance = loss, random.Random(seed)
        self._sock = self._open()
        self.port: int = self._sock.getsockname()[1]
        self._clients: dict[Address, socket.socket] = {}
        self.lost = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock.fileno(), self._from_clients)

    def move(self) -> None:
        """A NAT forgets its clients: from now on they come from other addresses."""
        for address in list(self._clients):
            self._drop(address)

    def close(self) -> None:
        self.move()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    def _drop(self, address: Address) -> None:
        sock = self._clients.pop(address)
        self._loop.remove_reader(sock.fileno())
        sock.close()

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return sock

    def _loses(self) -> bool:
        lost = self._chance.random() < self.loss
        self.lost += lost
        return lost

    def _from_clients(self) -> None:
        while True:
            try:
                data, address = self._sock.recvfrom(2048)
            except BlockingIOError:
                return
            if address not in self._clients:
                sock = self._clients[address] = self._open()
                self._loop.add_reader(sock.fileno(), self._from_worker, sock, address)
            if not self._loses():
                self._clients[address].sendto(data, self._upstream)

    def _from_worker(self, sock: socket.socket, address: Address) -> None:
        while True:
            try:
                data = sock.recv(2048)
            except BlockingIOError:
                return
            if not self._loses():
                self._sock.sendto(data, address)
