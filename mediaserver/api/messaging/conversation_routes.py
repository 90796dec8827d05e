"""Conversations: with whom one writes, what was said in one of them, and marking all of it read."""

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.declarations.views import PersonView
from mediaserver.api.messaging.message_resources import DirectMessageView
from mediaserver.api.notifications.notification_routes import UnreadView
from mediaserver.domain.documents.document import Id, Moment
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage, pair_of
from mediaserver.usecases.messaging import conversations, direct_messages


class MessagesQuery(PageQuery):
    person: Id = Field(alias="with", description="The other one.")


class ConversationView(Body):
    """What one has with another person."""

    id: Id
    user: PersonView
    last_message: DirectMessageView | None
    last_at: Moment
    unread_count: int = Field(ge=0, description="Messages of theirs that one has not read.")


async def _messages(call: Call) -> Answer:
    """Return a page of the private messages between you and the user named by `with`, newest first."""
    query: MessagesQuery = call.query
    found = await call.context.of(DirectMessage).page(
        {"pair": pair_of(call.actor.user_id, query.person)},
        [("_id", -1)],
        limit=query.limit,
        cursor=query.cursor,
    )
    return page(await direct_messages.describe(call.context, call.actor, found.items), found.next_cursor)


async def _conversations(call: Call) -> Answer:
    """Return a page of your conversations, the one with the latest message first."""
    mine, newest_first = {"userId": call.actor.user_id}, [("lastAt", -1)]
    found = await call.context.of(Conversation).page(
        mine, newest_first, limit=call.query.limit, cursor=call.query.cursor
    )
    return page(await conversations.describe(call.context, call.actor, found.items), found.next_cursor)


async def _unread(call: Call) -> Answer:
    """Return the number of private messages that you have not read."""
    return Answer({"unreadCount": await conversations.unread_count(call.context, call.actor.user_id)})


async def _read(call: Call) -> Answer:
    """Mark all messages of a conversation as read."""
    await conversations.read(call.context, call.actor, call.id("userId"))
    return Answer()


ENDPOINTS = [
    Endpoint(
        "GET",
        "/messages",
        "List the messages of a conversation",
        _messages,
        "Messages",
        accepts=Accepts(query=MessagesQuery),
        returns=Returns(model=DirectMessageView, page=True),
    ),
    Endpoint(
        "GET",
        "/conversations",
        "List your conversations",
        _conversations,
        "Messages",
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=ConversationView, page=True),
    ),
    Endpoint(
        "GET",
        "/conversations/unread-count",
        "Count your unread messages",
        _unread,
        "Messages",
        returns=Returns(model=UnreadView),
        name="getUnreadMessageCount",
    ),
    Endpoint(
        "POST",
        "/conversations/{userId}/read",
        "Mark a conversation as read",
        _read,
        "Messages",
        returns=Returns(status=204, errors=(404,)),
    ),
]
