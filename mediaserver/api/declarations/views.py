"""Shapes of responses that are not just documents. They describe the API; tests compare responses with them."""

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
    """A small WebP image. `url` is signed for the reader and expires."""

    url: str
    width: int
    height: int


class UploadView(Body):
    """An upload. `width` and `height` are in pixels, for images and videos. `url` is signed for the reader and
    expires."""

    id: str
    content_type: str
    size: int
    name: str
    width: int | None
    height: int | None
    duration: float | None = Field(description="Seconds.")
    url: str
    thumbnail: ThumbnailView | None = Field(description="Thumbnail of an image or a video.")


class PersonView(Body):
    """A user as lists show them. Deleted users are called "deleted user"."""

    id: str
    username: str
    profile_image: str | None = Field(description="URL of the profile picture.")


class PresignedView(Body):
    """How to upload the bytes: send `method` to `url` with these headers and a body of exactly the announced
    size."""

    id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Moment = Field(description="The upload must have started by then.")


class SkillSummary(Body):
    id: Id
    name: str = Field(examples=["Algebra"])
    category: str


class UserView(Body):
    """A user. `email`, `emailVerified` and `pendingEmail` are shown only to the user and to admins."""

    id: str
    created_at: Moment
    updated_at: Moment
    username: str
    email: str | None = None
    email_verified: bool | None = Field(
        default=None, description="False until the user confirms `email`, if the server requires that."
    )
    pending_email: str | None = Field(
        default=None,
        description="The address that replaces `email` once it is confirmed.",
        examples=["ada@example.org"],
    )
    role: Role
    active: bool
    profile: Profile
    profile_image: UploadView | None
    skills: list[SkillSummary] = Field(description="Skills of the user, the main one first.")
    followers_count: int
    following_count: int
    tweets_count: int
    following: bool = Field(description="Whether the reader follows this user.")
    join_date: Moment
    last_login: Moment | None


class SignedInView(Body):
    user: UserView
    access_token: str
    expires_in: int = Field(description="Seconds.")
    refresh_token: str
    device_token: str | None = Field(
        description="Token of a device that has just become known. Store it and send it at the next sign-in."
    )


class RegistrationView(Body):
    """Whether and how users can create accounts."""

    open: bool = Field(description="Whether users may create accounts themselves.")
    email_domains: list[str] = Field(
        description="Allowed domains of email addresses, `*.` for subdomains; empty allows all.",
        examples=[["school.example"]],
    )
    requires_verified_email: bool = Field(description="Whether the address must be confirmed with a mailed link.")


class ConfirmedDeviceView(Body):
    """A device that has become known by a mailed link, and its account."""

    device_token: str = Field(description="Send this token when signing in.")
    user_id: str
    username: str
    email: str


class DeviceView(Body):
    """A known device of the account. Wrong passwords from other devices do not delay its sign-ins."""

    id: str
    created_at: Moment = Field(description="When the device became known.")
    last_used_at: Moment = Field(description="When the device last signed in.")
    expires_at: Moment = Field(description="When the device is forgotten unless it signs in before.")
    user_agent: str
    current: bool = Field(description="Whether this is the device that sent the request.")


class LoginView(Body):
    """A device on which the user is signed in."""

    id: str
    created_at: Moment = Field(description="When the user signed in on the device.")
    last_used_at: Moment = Field(description="When the device last refreshed its tokens.")
    expires_at: Moment = Field(description="When the login expires unless it is used before.")
    user_agent: str
    current: bool = Field(description="Whether this is the device that sent the request.")


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
    ends_when_empty: bool = Field(
        description="Whether the session ends automatically after it has been empty for a while."
    )
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
    """A session of the kind in `kind`."""

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
    """A text message in the chat."""

    content_type: Literal["Text"]
    content: str


class UploadMessageView(_Message):
    """A chat message with an upload, which is null after the upload was deleted."""

    content_type: AttachedType
    content: UploadView | None


class MessageView(RootModel[TextMessageView | UploadMessageView]):
    """A chat message. `contentType` tells whether `content` is text or an upload."""

    root: TextMessageView | UploadMessageView = Field(discriminator="content_type")


class RecordedTrackView(RecordedTrack):
    user: PersonView
    username: str
    url: str


class FieldFault(Body):
    loc: str
    msg: str


class ProblemView(Body):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldFault]
