"""`/notifications`: what others did that concerns one; the server writes them, their owner throws them away."""

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.resource import Delete, Listing, Resource, Update
from mediaserver.api.notifications.notification_views import NotificationContent
from mediaserver.domain.documents.document import Id, Moment
from mediaserver.domain.notifications import Notification
from mediaserver.usecases.notifications import inbox


class NotificationView(Body):
    id: Id
    created_at: Moment
    updated_at: Moment
    user_id: Id
    content: NotificationContent
    timestamp: Moment = Field(description="Of the newest act; lists are sorted by it.")
    is_read: bool


NOTIFICATIONS = Resource(
    path="/notifications",
    document=Notification,
    listing=Listing(filters=("is_read",), order=(("timestamp", -1),)),
    update=Update(("is_read",), inbox.mark),
    delete=Delete(inbox.delete),
    view=NotificationView,
    describe=inbox.describe,
)
