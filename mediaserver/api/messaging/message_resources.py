"""`/messages`: what people write to each other; the list of one conversation is a route of its own."""

from typing import Literal

from pydantic import Field, RootModel

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update
from mediaserver.api.declarations.views import PersonView, UploadView
from mediaserver.domain.documents.document import Id, Moment
from mediaserver.domain.messaging.direct_messages import DirectMessage
from mediaserver.domain.sessions.chat_messages import AttachedType, ClientId
from mediaserver.usecases.messaging import direct_messages


class _DirectMessage(Body):
    id: Id
    created_at: Moment
    updated_at: Moment
    sender_user_id: Id
    receiver_user_id: Id
    sender: PersonView
    receiver: PersonView
    timestamp: Moment
    is_read: bool = Field(description="By the receiver.")
    client_id: ClientId


class DirectTextView(_DirectMessage):
    """A private message of words."""

    content_type: Literal["Text"]
    content: str


class DirectUploadView(_DirectMessage):
    """A private message that shows an upload, which is null once it was deleted."""

    content_type: AttachedType
    content: UploadView | None


class DirectMessageView(RootModel[DirectTextView | DirectUploadView]):
    """A private message; `contentType` says whether `content` is text or an upload."""

    root: DirectTextView | DirectUploadView = Field(discriminator="content_type")


DIRECT_MESSAGES = Resource(
    path="/messages",
    document=DirectMessage,
    listing=Listing(top_level=False),
    create=Create(("receiver_user_id", "content_type", "content", "client_id"), direct_messages.create),
    update=Update(("is_read",), direct_messages.mark),
    delete=Delete(),
    view=DirectMessageView,
    describe=direct_messages.describe,
    tag="Messages",
    noun="private message",
)
