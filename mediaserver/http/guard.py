"""What all connections share: their deadlines, the table of connections and the budgets of memory."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mediaserver.base.processes.descriptors import connection_capacity
from mediaserver.base.settings.tree import Http
from mediaserver.http.connection_table import ConnectionTable
from mediaserver.http.memory_budget import MemoryBudget

C = TypeVar("C", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Guard(Generic[C]):
    """`strangers` counts bytes of requests before their sender is known, by address; `users` those after it."""

    header_timeout_s: float
    idle_timeout_s: float
    body_min_bytes_per_s: float
    body_patience_s: float
    table: ConnectionTable[C]
    strangers: MemoryBudget[C]
    users: MemoryBudget[C]


def make_guard(http: Http, descriptors: int) -> Guard[C]:
    """The guard for these settings in a process that may open `descriptors` files."""
    total = min(http.max_connections, connection_capacity(descriptors))
    return Guard(
        header_timeout_s=http.header_timeout_s,
        idle_timeout_s=http.idle_timeout_s,
        body_min_bytes_per_s=http.body_min_bytes_per_s,
        body_patience_s=http.body_patience_s,
        # One address alone never takes all.
        table=ConnectionTable(total, min(http.max_connections_per_address, max(1, total // 2))),
        strangers=MemoryBudget(http.max_unauthenticated_bytes),
        users=MemoryBudget(http.max_authenticated_bytes),
    )
