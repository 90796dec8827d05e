"""Decides whose long transfers go on: a bounded number of places, shared fairly between addresses and people.

When all places are taken, a newcomer gets one from whoever holds most, unless that would leave the holder with
fewer than the newcomer. So nobody, whatever their number of accounts at one address, keeps others out.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mediaserver.base.errors import TooMany, Unavailable


@dataclass(eq=False, slots=True)
class Transfer:
    """One upload, or one archive being downloaded."""

    user_id: str
    network: str
    """The key of the client's address, as `client_network` gives it."""
    transferred: int = 0
    """Bytes so far."""
    displaced: bool = False
    """Somebody else got its place."""


class PlaceLimits(NamedTuple):
    total: int
    per_user: int
    per_network: int


Holder = Callable[[Transfer], str]


class FairPlaces:
    """The transfers of one kind that are under way; `kind` is a plural such as `uploads`."""

    def __init__(self, limits: PlaceLimits, kind: str) -> None:
        self._limits, self._kind = limits, kind
        self._transfers: dict[Transfer, None] = {}

    def __len__(self) -> int:
        return len(self._transfers)

    def admit(self, newcomer: Transfer) -> Transfer | None:
        """Give `newcomer` a place. Returns the transfer that must end for it, already without its place.

        Raises TooMany `too_many_{kind}` when this user has as many as one may have, and Unavailable `busy` when
        all places are taken by people who hold no more than the newcomer would.
        """
        most, kind = self._limits.per_user, self._kind
        if self._count(_user, newcomer.user_id) >= most:
            detail = f"You can have at most {most} of your {kind} under way at once. Wait until one has finished."
            raise TooMany(f"too_many_{kind}", detail, 1.0)
        displaced = self._displaced_by(newcomer)
        if displaced is not None:
            displaced.displaced = True
            self.leave(displaced)
        self._transfers[newcomer] = None
        return displaced

    def leave(self, transfer: Transfer) -> None:
        """Free its place; a displaced transfer has none any more."""
        self._transfers.pop(transfer, None)

    def _displaced_by(self, newcomer: Transfer) -> Transfer | None:
        neighbours = [transfer for transfer in self._transfers if transfer.network == newcomer.network]
        if len(neighbours) >= self._limits.per_network:
            found = self._from_largest(_user, newcomer, neighbours)
        elif len(self._transfers) >= self._limits.total:
            found = self._from_largest(_network, newcomer, self._transfers) or self._from_largest(
                _user, newcomer, self._transfers
            )
        else:
            return None
        if found is None:
            detail = f"The server has as many {self._kind} under way as it can. Try again in a moment."
            raise Unavailable("busy", detail, 5.0)
        return found

    def _from_largest(self, holder: Holder, newcomer: Transfer, among: Iterable[Transfer]) -> Transfer | None:
        """The transfer that costs least to end, of the holder with most of them; None if that would be unfair."""
        among = list(among)
        counts = Counter(map(holder, among))
        fair = counts[holder(newcomer)] + 2
        candidates = [transfer for transfer in among if counts[holder(transfer)] >= fair]
        if not candidates:
            return None
        of_user = Counter(map(_user, self._transfers))
        return min(candidates, key=lambda t: (-counts[holder(t)], -of_user[_user(t)], t.transferred))

    def _count(self, holder: Holder, name: str) -> int:
        return sum(1 for transfer in self._transfers if holder(transfer) == name)


def _user(transfer: Transfer) -> str:
    return transfer.user_id


def _network(transfer: Transfer) -> str:
    return transfer.network
