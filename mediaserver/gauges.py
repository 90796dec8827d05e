"""Numbers of the running server for `/metrics`: read when asked for, those of media workers every 2 s."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mediaserver.base.errors import Problem
from mediaserver.base.processes.supervision import periodic
from mediaserver.http.connection import HttpConnection
from mediaserver.http.guard import Guard
from mediaserver.media.control.client import MediaWorkers
from mediaserver.media.messages import Stats
from mediaserver.rooms.registry import Rooms
from mediaserver.signalling.namespace import Signalling
from mediaserver.store.bus import RedisBus
from mediaserver.usecases.login.hashing_turns import HashingTurns

_EVERY_S: Final = 2.0


class Gauges(Collector):
    """`run` must be running: a collector cannot wait for other processes."""

    def __init__(
        self,
        rooms: Rooms,
        signalling: Signalling,
        workers: MediaWorkers,
        guard: Guard[HttpConnection],
        turns: HashingTurns,
        bus: RedisBus | None = None,
    ) -> None:
        self._rooms, self._signalling, self._workers, self._bus = rooms, signalling, workers, bus
        self._guard, self._turns = guard, turns
        self._stats: dict[int, Stats] = {}

    async def run(self) -> None:
        """Ask the media workers for their counters again and again, until cancelled."""
        await periodic("gauges", self._ask_workers, _EVERY_S)

    async def _ask_workers(self) -> None:
        for worker in self._workers.workers:
            try:
                self._stats[worker.index] = await worker.get_stats()
            except (Problem, TimeoutError):  # it is being restarted; its counters begin again
                self._stats.pop(worker.index, None)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("mediaserver_rooms", "Rooms that are open", self._rooms.rooms)
        yield GaugeMetricFamily("mediaserver_participants", "People in rooms", self._rooms.participants)
        yield GaugeMetricFamily("mediaserver_sockets", "Socket.IO connections", self._signalling.connections)
        slow = self._signalling.audience.too_slow
        yield GaugeMetricFamily("mediaserver_sockets_too_slow", "Connections closed for not keeping up", slow)
        yield from self._of_limits()
        yield GaugeMetricFamily(
            "mediaserver_sign_ins_waiting",
            "Sign-ins that wait for their password to be checked",
            self._turns.waiting,
        )
        yield CounterMetricFamily(
            "mediaserver_sign_ins_busy", "Sign-ins refused because too many waited", self._turns.refused
        )
        lost = CounterMetricFamily(
            "mediaserver_redis_dropped", "Messages for other nodes that never left", labels=["channel"]
        )
        for channel, end in (("events", self._bus), ("pushes", self._signalling.audience.pushes)):
            if end is not None:
                lost.add_metric([channel], end.dropped)
        yield lost
        restarts = GaugeMetricFamily(
            "mediaserver_media_worker_restarts", "Deaths of media workers", labels=["worker"]
        )
        transports = GaugeMetricFamily("mediaserver_transports", "Media transports", labels=["worker"])
        for worker in self._workers.workers:
            restarts.add_metric([str(worker.index)], worker.restarts)
            transports.add_metric([str(worker.index)], worker.load)
        yield restarts
        yield transports
        yield from self._of_http()
        yield from self._of_media()

    def _of_limits(self) -> Iterator[Metric]:
        connections = self._signalling.audience.server.connections
        yield GaugeMetricFamily(
            "mediaserver_sockets_pending", "Connections that have not signed in yet", len(connections.pending)
        )
        for name, count, text in (
            ("evicted", connections.evicted, "closed before a sign-in because newer ones needed their place"),
            ("expired", connections.expired, "closed because nobody signed in within the time"),
        ):
            yield CounterMetricFamily(f"mediaserver_sockets_{name}", f"Connections {text}", count)
        abuses = CounterMetricFamily(
            "mediaserver_sockets_abusive", "Connections closed for breaking a limit", labels=["reason"]
        )
        for reason, count in connections.abuses.items():
            abuses.add_metric([reason], count)
        yield abuses
        refused = CounterMetricFamily("mediaserver_events_refused", "Refused client events", labels=["reason"])
        for reason, count in self._signalling.refused.items():
            refused.add_metric([reason], count)
        yield refused

    def _of_http(self) -> Iterator[Metric]:
        guard = self._guard
        yield GaugeMetricFamily("mediaserver_http_connections", "TCP connections that are open", len(guard.table))
        closed = CounterMetricFamily(
            "mediaserver_http_connections_closed", "Connections refused or closed by a limit", labels=["reason"]
        )
        for reason in ("address_limit", "total_limit", "made_room"):
            closed.add_metric([reason], guard.table.closed[reason])
        closed.add_metric(["memory"], guard.strangers.dropped + guard.users.dropped)
        yield closed
        held = GaugeMetricFamily(
            "mediaserver_http_held_bytes", "Memory for requests that are still arriving", labels=["sender"]
        )
        held.add_metric(["unknown"], guard.strangers.total)
        held.add_metric(["user"], guard.users.total)
        yield held

    def _of_media(self) -> Iterator[Metric]:
        dropped = CounterMetricFamily(
            "mediaserver_media_dropped", "Datagrams thrown away, by reason", labels=["worker", "reason"]
        )
        packets = CounterMetricFamily(
            "mediaserver_media_packets", "Media packets received and sent", labels=["worker", "direction"]
        )
        octets = CounterMetricFamily(
            "mediaserver_media_bytes", "Bytes of media received and sent", labels=["worker", "direction"]
        )
        for index, stats in self._stats.items():
            worker = str(index)
            for reason, count in stats.dropped.items():
                dropped.add_metric([worker, reason], count)
            packets.add_metric([worker, "in"], stats.packets_in)
            packets.add_metric([worker, "out"], stats.packets_out)
            octets.add_metric([worker, "in"], stats.bytes_in)
            octets.add_metric([worker, "out"], stats.bytes_out)
        yield from (dropped, packets, octets)
