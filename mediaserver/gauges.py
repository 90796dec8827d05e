"""Numbers of the running server for `/metrics`, read when they are asked for."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mediaserver.media.client import MediaWorkers
from mediaserver.rooms.registry import Rooms
from mediaserver.signalling.namespace import Signalling


class Gauges(Collector):
    def __init__(self, rooms: Rooms, signalling: Signalling, workers: MediaWorkers) -> None:
        self._rooms, self._signalling, self._workers = rooms, signalling, workers

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("mediaserver_rooms", "Rooms that are open", self._rooms.rooms)
        yield GaugeMetricFamily("mediaserver_participants", "People in rooms", self._rooms.participants)
        yield GaugeMetricFamily("mediaserver_sockets", "Socket.IO connections", self._signalling.connections)
        slow = self._signalling.audience.too_slow
        yield GaugeMetricFamily("mediaserver_sockets_too_slow", "Connections closed for not keeping up", slow)
        restarts = GaugeMetricFamily(
            "mediaserver_media_worker_restarts", "Deaths of media workers", labels=["worker"]
        )
        transports = GaugeMetricFamily("mediaserver_transports", "Media transports", labels=["worker"])
        for worker in self._workers.workers:
            restarts.add_metric([str(worker.index)], worker.restarts)
            transports.add_metric([str(worker.index)], worker.load)
        yield restarts
        yield transports
