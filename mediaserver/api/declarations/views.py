"""Shapes of answers that are more than a document: for the OpenAPI description, which tests hold them against."""

from typing import Literal

from pydantic import Field, RootModel

from mediaserver.api.declarations.bodies import Body
from mediaserver.domain.accounts.users import Profile
from mediaserver.domain.documents.actor import Role
from mediaserver.domain.documents.document import Id, Moment
from mediaserver.domain.sessions.chat_messages import AttachedType
from mediaserver.domain.sessions.recordings import RecordedTrack
from mediaserver.domain.sessions.sessions import SessionKind, SessionType, Status


class ThumbnailView(Body):
    """A small WebP picture; `url` is signed for the reader and expires."""

    url: str
    width: int
    height: int


class UploadView(Body):
    """An upload, `width` and `height` in pixels where it has them; `url` is signed for the reader and expires."""

    id: str
    content_type: str
    size: int
    name: str
    width: int | None
    height: int | None
    duration: float | None = Field(description="Seconds.")
    url: str
    thumbnail: ThumbnailView | None = Field(description="Of a picture or a video.")


class PersonView(Body):
    """What lists show of a person; one who is gone is called "deleted user"."""

    id: str
    username: str
    profile_image: str | None = Field(description="URL of the picture.")


class PresignedView(Body):
    """Where to put the bytes: `method` to `url` with these headers, the body of exactly the announced size."""

    id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Moment = Field(description="By then it must have begun.")


class SkillSummary(Body):
    id: Id
    name: str = Field(examples=["Algebra"])
    category: str


class UserView(Body):
    """A person; `email`, `emailVerified` and `pendingEmail` are there for themselves and admins."""

    id: str
    created_at: Moment
    updated_at: Moment
    username: str
    email: str | None = None
    email_verified: bool | None = Field(
        default=None, description="False until the person confirms `email`, where the server requires that."
    )
    pending_email: str | None = Field(
        default=None,
        description="The address that takes the place of `email` once it is confirmed.",
        examples=["ada@example.org"],
    )
    role: Role
    active: bool
    profile: Profile
    profile_image: UploadView | None
    skills: list[SkillSummary] = Field(description="The first is the main one.")
    followers_count: int
    following_count: int
    tweets_count: int
    following: bool = Field(description="Whether the reader follows them.")
    join_date: Moment
    last_login: Moment | None


class SignedInView(Body):
    user: UserView
    access_token: str
    expires_in: int = Field(description="Seconds.")
    refresh_token: str
    device_token: str | None = Field(
        description="Of a device that became known just now: keep it and send it at the next sign-in."
    )


class RegistrationView(Body):
    """What a page needs to know before someone creates an account."""

    open: bool = Field(description="Whether people may create accounts themselves.")
    email_domains: list[str] = Field(
        description="Domains of the addresses that are taken, `*.` for subdomains; empty: any.",
        examples=[["school.example"]],
    )
    requires_verified_email: bool = Field(description="Whether the address must be confirmed by a mailed link.")


class ConfirmedDeviceView(Body):
    """A device that a mailed link made known, and the account that knows it."""

    device_token: str = Field(description="Send it when signing in.")
    user_id: str
    username: str
    email: str


class DeviceView(Body):
    """A device that the account knows: strangers' wrong passwords do not delay it."""

    id: str
    created_at: Moment = Field(description="When it became known.")
    last_used_at: Moment = Field(description="When it last signed in.")
    expires_at: Moment = Field(description="Unless it signs in before.")
    user_agent: str
    current: bool = Field(description="Whether it is the one that asks.")


class LoginView(Body):
    """A device on which one is signed in."""

    id: str
    created_at: Moment = Field(description="When one signed in there.")
    last_used_at: Moment = Field(description="When it last refreshed its tokens.")
    expires_at: Moment = Field(description="Unless it is used before.")
    user_agent: str
    current: bool = Field(description="Whether it is the one that asks.")


class SessionCourse(Body):
    """The course that a session is bound to."""

    id: str
    title: str
    course_code: str


class SessionView(Body):
    """A session of one kind."""

    id: str
    created_at: Moment
    updated_at: Moment
    kind: SessionKind
    title: str
    description: str
    start_time: Moment | None
    end_time: Moment | None
    moderator_user_id: str
    moderator: PersonView
    status: Status
    ends_when_empty: bool = Field(description="Whether it ends by itself when nobody has been in it for a while.")
    started_at: Moment | None
    ended_at: Moment | None
    participant_count: int
    course_id: str | None
    course: SessionCourse | None


class LiveSessionView(SessionView):
    kind: Literal["live"]
    type: SessionType
    lesson_id: str | None


class VideoSessionView(SessionView):
    kind: Literal["video"]


class AudioSessionView(SessionView):
    kind: Literal["audio"]
    audio_stream_url: str | None = Field(examples=[None])


class AnySessionView(RootModel[LiveSessionView | VideoSessionView | AudioSessionView]):
    """A session of any kind; `kind` says which."""

    root: LiveSessionView | VideoSessionView | AudioSessionView = Field(discriminator="kind")


class _Message(Body):
    id: str
    created_at: Moment
    updated_at: Moment
    session_kind: SessionKind
    session_id: str
    sender_user_id: str
    sender: PersonView
    sender_name: str
    timestamp: Moment
    sequence: int
    client_id: str


class TextMessageView(_Message):
    """A chat message of words."""

    content_type: Literal["Text"]
    content: str


class UploadMessageView(_Message):
    """A chat message that shows an upload, which is null once it was deleted."""

    content_type: AttachedType
    content: UploadView | None


class MessageView(RootModel[TextMessageView | UploadMessageView]):
    """A chat message; `contentType` says whether `content` is text or an upload."""

    root: TextMessageView | UploadMessageView = Field(discriminator="content_type")


class RecordedTrackView(RecordedTrack):
    user: PersonView
    username: str
    url: str


class FieldFault(Body):
    loc: str
    msg: str


class ProblemView(Body):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldFault]
