"""What notifications tell, by their `type`: each kind names the documents that it is about, and no others."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, RootModel, StringConstraints

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.views import PersonView
from mediaserver.api.openapi.examples import example_id
from mediaserver.domain.documents.document import Id, Moment
from mediaserver.domain.notifications import MAX_ACTORS_SHOWN, MAX_TEXT
from mediaserver.domain.sessions.sessions import SessionKind

_Words = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_EXAMPLE: Final[dict[str, JsonValue]] = {
    "type": "followed",
    "actors": [{"id": example_id("userId"), "username": "ada", "profileImage": None}],
    "actorCount": 1,
    "count": 1,
    "userId": example_id("userId"),
}


class _Told(Body):
    """The ids are those of the newest act; earlier ones of the same notification may have had others."""

    actors: list[PersonView] = Field(
        max_length=MAX_ACTORS_SHOWN,
        description="The people who acted, the latest first; empty when nobody did it.",
    )
    actor_count: int = Field(description="The number of different people who acted.")
    count: int = Field(description="The number of acts: messages, comments, likes.")


class _Said(_Told):
    text: _Words | None = Field(
        default=None, description="How it begins now; absent when it has no words, or none that you may read."
    )


class FollowedContent(_Told):
    """Somebody follows you."""

    type: Literal["followed"]
    user_id: Id


class LikedContent(_Told):
    """Somebody likes your tweet or, when `commentId` is there, your comment."""

    type: Literal["liked"]
    tweet_id: Id
    comment_id: Id | None = None


class CommentedContent(_Said):
    """Somebody commented on your tweet."""

    type: Literal["commented"]
    tweet_id: Id
    comment_id: Id


class MentionedContent(_Said):
    """Somebody mentioned you in a tweet or, when `commentId` is there, in a comment."""

    type: Literal["mentioned"]
    tweet_id: Id
    comment_id: Id | None = None


class MessageContent(_Said):
    """Somebody sent you a private message."""

    type: Literal["message"]
    message_id: Id


class SessionStartingContent(_Told):
    """A session of a course that you take begins."""

    type: Literal["session-starting"]
    course_id: Id
    lesson_id: Id | None = None
    session_kind: SessionKind
    session_id: Id
    title: _Words


class AssignmentPostedContent(_Told):
    """A course that you take has a new assignment."""

    type: Literal["assignment-posted"]
    course_id: Id
    lesson_id: Id
    assignment_id: Id
    title: _Words


class SubmittedContent(_Told):
    """Students handed in work for an assignment of your course."""

    type: Literal["submitted"]
    course_id: Id
    assignment_id: Id
    submission_id: Id
    title: _Words


class GradedContent(_Told):
    """Your submission was graded."""

    type: Literal["graded"]
    course_id: Id
    assignment_id: Id
    submission_id: Id
    graded_at: Moment
    title: _Words


class RecordingReadyContent(_Told):
    """The recording of a session that you took part in can be played."""

    type: Literal["recording-ready"]
    session_kind: SessionKind
    session_id: Id
    recording_id: Id
    title: _Words | None = None


_Any = (
    FollowedContent
    | LikedContent
    | CommentedContent
    | MentionedContent
    | MessageContent
    | SessionStartingContent
    | AssignmentPostedContent
    | SubmittedContent
    | GradedContent
    | RecordingReadyContent
)


class NotificationContent(RootModel[_Any]):
    """What happened; `type` says which fields there are."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    root: _Any = Field(discriminator="type")
