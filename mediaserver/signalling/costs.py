"""What each thing that a client sends costs it, in units of the work of one small event.

A unit is about 0.1 ms of the main process's CPU time, so a user's budget in the long run is about 1% of a core.
Chat and private messages cost more than is said here: they have limits of their own (`LIMITS`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.signalling import messages as c
from mediaserver.signalling.budgets import UserBudget

_BYTES_PER_UNIT: Final = 4096

FRAME: Final = 1.0
"""Each frame or packet, whatever it is: events, acknowledgements, pings, and what is refused."""
POLL: Final = 0.25
"""A GET of a polling client that asks for what is new."""
INVALID: Final = 4.0
"""An event that is refused because it is malformed or unknown."""

EVENTS: Final[dict[type[c.ClientMessage], float]] = {
    c.SessionJoin: 30,
    c.SessionLeave: 1,
    c.SessionEnd: 10,
    c.MediaNegotiate: 20,
    c.MediaSubscribe: 1,
    c.ParticipantUpdate: 2,
    c.ParticipantModerate: 2,
    c.ChatSend: 1,
    c.ChatTyping: 0,
    c.MessageSend: 2,
    c.RecordingStart: 20,
    c.RecordingStop: 10,
}
"""In addition to the frame that carries the event."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of its own for one kind of event; `detail` is shown to the person."""

    bucket: Callable[[UserBudget], TokenBucket]
    detail: str


LIMITS: Final[dict[type[c.ClientMessage], Limit]] = {
    c.ChatSend: Limit(lambda user: user.chat, "You are sending messages too fast. Wait a moment."),
    c.MessageSend: Limit(lambda user: user.messages, "You are sending messages too fast. Wait a moment."),
    c.ChatTyping: Limit(lambda user: user.typing, "This was said often enough."),
}


def frame_cost(size: int) -> float:
    """The cost of receiving a frame or polling packet of `size` bytes."""
    return FRAME + size / _BYTES_PER_UNIT
