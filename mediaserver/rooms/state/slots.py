"""A participant's receive slots: which track each carries, and when. Whenever a slot gets another track it is
paused until the client has acknowledged (or `ACK_S` have passed), so that nobody shows under another's name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mediaserver.domain.sessions.sessions import MediaKind

ACK_S = 2.0
DWELL_S: dict[MediaKind, float] = {"audio": 1.0, "video": 2.0}
"""How long an automatic slot keeps a track before another may take its place."""

Auto = Literal["auto"]
AUTO: Auto = "auto"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks of one slot; `track` is a track id, "auto" or None."""

    mid: str
    track: str | None
    max_width: int | None = None
    max_height: int | None = None
    priority: int = 0
    paused: bool = False


@dataclass(slots=True)
class Slot:
    mid: str
    kind: MediaKind
    auto: bool = False
    track: str | None = None
    revision: int = 0
    max_width: int | None = None
    max_height: int | None = None
    paused: bool = False
    """By the client's wish."""
    bound_at: float = float("-inf")
    waiting_until: float | None = None
    """An assignment is not yet acknowledged: forwarding resumes then at the latest."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The slot carries another track (or none) from now on, paused until acknowledged; the client is told."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Resized:
    """The same track and revision in another size: bound anew without a pause that the client must hear of."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Resumed:
    slot: Slot


@dataclass(frozen=True, slots=True)
class Paused:
    slot: Slot


Change = Bound | Resized | Resumed | Paused


@dataclass(slots=True)
class Slots:
    """The slots of one participant's present connection, in the order of its offer."""

    by_mid: dict[str, Slot] = field(default_factory=dict)

    def negotiated(self, kinds: Mapping[str, MediaKind]) -> None:
        """Keep those that the newest offer still has, add its new ones."""
        known = self.by_mid
        self.by_mid = {
            mid: known[mid] if mid in known and known[mid].kind == kind else Slot(mid, kind)
            for mid, kind in kinds.items()
        }

    def wish(self, wish: Wish, now: float) -> list[Change]:
        """Carry out a wish for one slot; which track an automatic one gets is `rebalance`'s to say."""
        slot = self.by_mid[wish.mid]
        resized = (slot.max_width, slot.max_height) != (wish.max_width, wish.max_height)
        slot.max_width, slot.max_height = wish.max_width, wish.max_height
        unpaused, paused = slot.paused and not wish.paused, wish.paused and not slot.paused
        slot.paused, slot.auto = wish.paused, wish.track == AUTO
        target = slot.track if slot.auto else wish.track
        if target != slot.track:
            return self._bind(slot, target, now)
        if target is None:
            return []
        if paused:
            return [Paused(slot)]
        waiting = slot.waiting_until is not None
        if resized:
            return [Resized(slot)] if waiting or slot.paused else [Resized(slot), Resumed(slot)]
        return [Resumed(slot)] if unpaused and not waiting else []

    def ended(self, track: str, now: float) -> list[Change]:
        """The track is over: the slots that carried it are empty."""
        return [c for slot in self.by_mid.values() if slot.track == track for c in self._bind(slot, None, now)]

    def acknowledged(self, mid: str, revision: int) -> list[Change]:
        slot = self.by_mid.get(mid)
        if slot is None or slot.revision != revision or slot.waiting_until is None:
            return []
        slot.waiting_until = None
        return [] if slot.paused or slot.track is None else [Resumed(slot)]

    def expire(self, now: float) -> list[Change]:
        """Go on with those whose acknowledgement does not come."""
        overdue = [s for s in self.by_mid.values() if s.waiting_until is not None and s.waiting_until <= now]
        return [change for slot in overdue for change in self.acknowledged(slot.mid, slot.revision)]

    def rebalance(self, kind: MediaKind, active: Sequence[str], rest: Sequence[str], now: float) -> list[Change]:
        """Give the automatic slots of a kind the best tracks (best first, without one's own): those that are
        `active` push others out, the `rest` only fill what is empty or carries none of all these.

        A track that is among the best stays in its slot, and one that took its place lately (`DWELL_S`) keeps it:
        somebody's cough does not push a speaker out. Silence empties no slot."""
        ranking = [*active, *rest]
        autos = [slot for slot in self.by_mid.values() if slot.auto and slot.kind == kind]
        fixed = {slot.track for slot in self.by_mid.values() if not slot.auto}
        best = [track for track in ranking if track not in fixed][: len(autos)]
        carried = {slot.track for slot in autos}
        missing = [track for track in best if track not in carried]
        free = [s for s in autos if s.track is None]
        free += sorted(
            (s for s in autos if s.track is not None and s.track not in best and self._settled(s, now)),
            key=lambda slot: _rank(slot.track, ranking),
            reverse=True,
        )
        return [
            change
            for slot, track in zip(free, missing, strict=False)
            if track in active or slot.track not in ranking
            for change in self._bind(slot, track, now)
        ]

    def deadlines(self) -> Iterable[float]:
        """When `expire` or `rebalance` have something to do."""
        for slot in self.by_mid.values():
            if slot.waiting_until is not None:
                yield slot.waiting_until

    def dwell_ends(self, now: float) -> Iterable[float]:
        """When automatic slots that are held now may change."""
        for slot in self.by_mid.values():
            if slot.auto and slot.track is not None and not self._settled(slot, now):
                yield slot.bound_at + DWELL_S[slot.kind]

    @staticmethod
    def _settled(slot: Slot, now: float) -> bool:
        return now - slot.bound_at >= DWELL_S[slot.kind]

    @staticmethod
    def _bind(slot: Slot, track: str | None, now: float) -> list[Change]:
        slot.track = track
        slot.revision += 1
        slot.bound_at = now
        slot.waiting_until = None if track is None else now + ACK_S
        return [Bound(slot)]


def _rank(track: str | None, ranking: Sequence[str]) -> int:
    return ranking.index(track) if track in ranking else len(ranking)
