"""Costs of what clients send, in units of the work of one small event.

A unit is about 0.1 ms of CPU time of the main process, so a user's sustained budget is about 1% of a core. Chat
and private messages cost more than their unit; they have separate limits (`LIMITS`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.signalling import messages as c
from mediaserver.signalling.budgets import UserBudget

_BYTES_PER_UNIT: Final = 4096

FRAME: Final = 1.0
"""Every frame or packet: events, acknowledgements, pings, and those that are refused."""
POLL: Final = 0.25
"""A GET request of a polling client."""
INVALID: Final = 4.0
"""A malformed or unknown event."""

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
"""Costs of events, in addition to the frames that carry them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A separate limit for one kind of event. `detail` is shown to the user."""

    bucket: Callable[[UserBudget], TokenBucket]
    detail: str


LIMITS: Final[dict[type[c.ClientMessage], Limit]] = {
    c.ChatSend: Limit(lambda user: user.chat, "You are sending messages too fast. Wait a moment."),
    c.MessageSend: Limit(lambda user: user.messages, "You are sending messages too fast. Wait a moment."),
    c.ChatTyping: Limit(lambda user: user.typing, "Too many of these notices. Wait a moment."),
}


def frame_cost(size: int) -> float:
    """Return the cost of receiving a frame or polling packet of `size` bytes."""
    return FRAME + size / _BYTES_PER_UNIT
