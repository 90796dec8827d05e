"""What follows from a direct message: both conversations, the receiver's notification, the devices of both."""

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.messaging import conversations, direct_messages
from mediaserver.usecases.notifications import inbox, notifications


async def _added(ctx: Context, message: DirectMessage) -> None:
    await conversations.go_on(ctx, message)
    receiver, sender = [message.receiver_user_id], message.sender_user_id
    await notifications.notify(ctx, receiver, "message", _about(message), sender)
    if await ctx.of(DirectMessage).exists({"_id": message.id, "isRead": True}):
        # Read before it was told: nothing else would mark the notification.
        await inbox.read_group(ctx, message.receiver_user_id, "message", {}, message.sender_user_id)
    await _push(ctx, message)


async def _removed(ctx: Context, message: DirectMessage) -> None:
    await conversations.go_back(ctx, message)
    receiver, sender = [message.receiver_user_id], message.sender_user_id
    await notifications.withdraw(ctx, receiver, "message", _about(message), sender)
    data = {"id": message.id, "senderUserId": sender, "receiverUserId": message.receiver_user_id}
    ctx.events.publish(Pushed(message.people, "message.deleted", data))


async def _push(ctx: Context, message: DirectMessage) -> None:
    """To all devices of both. Links in it are signed for the login of each."""
    reader = Actor(message.people[0], username="", role="student", login_id="")
    (wire,) = await direct_messages.describe(ctx, reader, [message])
    ctx.events.publish(Pushed(message.people, "message", wire, unsigned_links=message.upload_id is not None))


def _about(message: DirectMessage) -> dict[str, str]:
    return {"messageId": message.id}


CONSEQUENCES = Consequences(added=_added, removed=_removed, stands=conversations.has_reader)
