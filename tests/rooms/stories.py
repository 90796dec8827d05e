"""Rooms for tests: people by name, effects as short values."""

from datetime import UTC, datetime
from typing import Any, Literal

from mediaserver.domain.sessions.sessions import Session
from mediaserver.rooms.state import effects as fx
from mediaserver.rooms.state.members import Person
from mediaserver.rooms.state.room import Room, Rules

NINE = datetime(2026, 1, 2, 9, 0, tzinfo=UTC)


def session(kind: str = "video", type_: str | None = None) -> Session:
    return Session(
        id="S1", kind=kind, type=type_, title="Algebra", moderator_user_id="u-mia", status="live",
        created_at=NINE, updated_at=NINE,
    )  # type: ignore[arg-type]  # fmt: skip


def room(kind: str = "video", type_: str | None = None, **rules: Any) -> Room:
    return Room(session(kind, type_), "E1", Rules(**rules), now=0.0)


def person(name: str, role: Literal["moderator", "participant"] = "participant", publish: bool = True) -> Person:
    return Person(f"p-{name}", f"u-{name}", name, None, role, publish, f"login-{name}", NINE)


def mia() -> Person:
    return person("mia", "moderator")


def publish(
    of: Room, name: str, *sources: str, slots: dict[str, str] | None = None, generation: int = 1, now: float = 1.0
) -> list[fx.Effect]:
    """As the host does after a negotiation: tracks are called `name/source`."""
    member = of.members[f"p-{name}"]
    tracks = [
        fx.Published(
            f"{name}/{source}",
            str(n),
            source,
            "audio" if "A" in source or source == "microphone" else "video",
            of.stage.will_flow(member, source),  # type: ignore[arg-type]
        )
        for n, source in enumerate(sources)
    ]
    return of.negotiated(member.id, generation, f"t-{name}-{generation}", tracks, slots or {}, now)  # type: ignore[arg-type]


def events(effects: list[fx.Effect]) -> list[str]:
    """Names of what went to everyone."""
    return [effect.event for effect in effects if isinstance(effect, fx.Broadcast)]


def of_type(effects: list[fx.Effect], kind: type[fx.Effect]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]
