"""`/messages`: what people write to each other; the list of one conversation is a route of its own."""

from pydantic import Field

from mediaserver.api.bodies import Body
from mediaserver.api.resource import Resource
from mediaserver.api.views import PersonView, UploadView
from mediaserver.domain.direct_messages import DirectMessage
from mediaserver.domain.document import Id, Moment
from mediaserver.domain.messages import ClientId, ContentType
from mediaserver.usecases import direct_messages


class DirectMessageView(Body):
    """A message; `content` is text or, for every other content type, an upload (null once that is gone)."""

    id: Id
    created_at: Moment
    updated_at: Moment
    sender_user_id: Id
    receiver_user_id: Id
    sender: PersonView
    receiver: PersonView
    content_type: ContentType
    content: str | UploadView | None
    timestamp: Moment
    is_read: bool = Field(description="By the receiver.")
    client_id: ClientId


DIRECT_MESSAGES = Resource(
    path="/messages",
    tag="Messages",
    noun="private message",
    document=DirectMessage,
    listed=False,
    create=("receiver_user_id", "content_type", "content", "client_id"),
    update=("is_read",),
    deletable=True,
    view=DirectMessageView,
    creates=direct_messages.create,
    updates=direct_messages.mark,
    describes=direct_messages.describe,
)
