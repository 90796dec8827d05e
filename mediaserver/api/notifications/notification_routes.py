"""What is done with notifications all at once."""

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Returns
from mediaserver.usecases.notifications import inbox


class UnreadView(Body):
    unread_count: int = Field(ge=0)


async def _unread(call: Call) -> Answer:
    """Return the number of your unread notifications, at most 1000."""
    return Answer({"unreadCount": await inbox.unread_count(call.context, call.actor.user_id)})


async def _read_all(call: Call) -> Answer:
    """Mark all of your notifications as read."""
    await inbox.read_all(call.context, call.actor.user_id)
    return Answer()


ENDPOINTS = [
    Endpoint(
        "GET",
        "/notifications/unread-count",
        "Count your unread notifications",
        _unread,
        "Notification",
        returns=Returns(model=UnreadView),
        name="getUnreadNotificationCount",
    ),
    Endpoint(
        "POST",
        "/notifications/read-all",
        "Mark all notifications as read",
        _read_all,
        "Notification",
        returns=Returns(status=204),
    ),
]
