"""What is done with notifications all at once."""

from pydantic import Field

from mediaserver.api.bodies import Body
from mediaserver.api.endpoint import Answer, Call, Endpoint
from mediaserver.usecases import inbox


class UnreadView(Body):
    unread_count: int = Field(ge=0)


async def _unread(call: Call) -> Answer:
    return Answer({"unreadCount": await inbox.unread_count(call.context, call.actor.user_id)})


async def _read_all(call: Call) -> Answer:
    await inbox.read_all(call.context, call.actor.user_id)
    return Answer()


ENDPOINTS = [
    Endpoint(
        "GET", "/notifications/unread-count", "How many notifications one has not read", _unread, "Notification",
        answer=UnreadView,
    ),
    Endpoint(
        "POST", "/notifications/read-all", "Mark all notifications as read", _read_all, "Notification",
        status=204,
    ),
]  # fmt: skip
