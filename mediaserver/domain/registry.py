"""All documents that the server stores by itself; those of further REST resources come with their declaration."""

from typing import Final

from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.domain.accounts.users import Login, User
from mediaserver.domain.documents.document import Document
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.progress import StudentProgress
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.learning.submissions import Submission
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions.chat_messages import ChatMessage
from mediaserver.domain.sessions.participants import Participant
from mediaserver.domain.sessions.playback import PlaybackGrant
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.reports import Report
from mediaserver.domain.social.tweets import Tweet
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.domain.writes.idempotency import IdempotentRequest

DOCUMENTS: Final[tuple[type[Document], ...]] = (
    User, Login, KnownDevice, Session, Participant, ChatMessage, Recording, PlaybackGrant, Upload,
    IdempotentRequest,
    Block, Skill, Course, Level, Lesson, Enrollment, CourseRemoval, StudentProgress, Assignment, Submission,
    VideoClip, CourseVideoClipMapping, Notification, DirectMessage, Conversation,
    Follow, Tweet, Comment, TweetLike, CommentLike, Report,
)  # fmt: skip
