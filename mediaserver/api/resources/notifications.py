"""`/notifications`: what others did that concerns one; the server writes them, their owner throws them away."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from mediaserver.api.bodies import Body
from mediaserver.api.examples import example_id
from mediaserver.api.resource import Resource
from mediaserver.api.views import PersonView
from mediaserver.domain.document import Id, Moment
from mediaserver.domain.notifications import MAX_ACTORS_SHOWN, MAX_TEXT, Kind, Notification
from mediaserver.domain.sessions import SessionKind
from mediaserver.usecases import inbox

_Words = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


_EXAMPLE: Final[dict[str, JsonValue]] = {
    "type": "followed",
    "actors": [{"id": example_id("userId"), "username": "ada", "profileImage": None}],
    "actorCount": 1,
    "count": 1,
    "userId": example_id("userId"),
}


class NotificationContent(Body):
    """What happened. Of the ids those that apply are there, of the newest act: earlier ones may have others."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    type: Kind
    actors: list[PersonView] = Field(
        max_length=MAX_ACTORS_SHOWN, description="Who acted, the last one first; nobody when it just happened."
    )
    actor_count: int = Field(description="Different people who acted.")
    count: int = Field(description="What they did, altogether: messages, comments.")
    tweet_id: Id | None = None
    comment_id: Id | None = None
    user_id: Id | None = None
    course_id: Id | None = None
    lesson_id: Id | None = None
    assignment_id: Id | None = None
    submission_id: Id | None = None
    session_kind: SessionKind | None = None
    session_id: Id | None = None
    recording_id: Id | None = None
    message_id: Id | None = None
    graded_at: Moment | None = None
    title: _Words | None = None
    text: _Words | None = None


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
