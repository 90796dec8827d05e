"""`/notifications`: what others did that concerns one; the server writes them, their owner throws them away."""

from pydantic import Field

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.resource import Resource
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
    update=("is_read",),
    filters=("is_read",),
    deletable=True,
    sort=(("timestamp", -1),),
    view=NotificationView,
    updates=inbox.mark,
    deletes=inbox.delete,
    describes=inbox.describe,
)
