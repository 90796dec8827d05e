"""All documents that the server stores by itself; those of further REST resources come with their declaration."""

from typing import Final

from mediaserver.domain.assignments import Assignment
from mediaserver.domain.blocks import Block
from mediaserver.domain.clips import CourseVideoClipMapping, VideoClip
from mediaserver.domain.comments import Comment
from mediaserver.domain.course_removals import CourseRemoval
from mediaserver.domain.courses import Course
from mediaserver.domain.devices import KnownDevice
from mediaserver.domain.direct_messages import Conversation, DirectMessage
from mediaserver.domain.document import Document
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.follows import Follow
from mediaserver.domain.idempotency import IdempotentRequest
from mediaserver.domain.lessons import Lesson
from mediaserver.domain.levels import Level
from mediaserver.domain.likes import CommentLike, TweetLike
from mediaserver.domain.messages import ChatMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.participants import Participant
from mediaserver.domain.playback import PlaybackGrant
from mediaserver.domain.progress import StudentProgress
from mediaserver.domain.recordings import Recording
from mediaserver.domain.reports import Report
from mediaserver.domain.sessions import Session
from mediaserver.domain.skills import Skill
from mediaserver.domain.submissions import Submission
from mediaserver.domain.tweets import Tweet
from mediaserver.domain.uploads import Upload
from mediaserver.domain.users import Login, User

DOCUMENTS: Final[tuple[type[Document], ...]] = (
    User, Login, KnownDevice, Session, Participant, ChatMessage, Recording, PlaybackGrant, Upload,
    IdempotentRequest,
    Block, Skill, Course, Level, Lesson, Enrollment, CourseRemoval, StudentProgress, Assignment, Submission,
    VideoClip, CourseVideoClipMapping, Notification, DirectMessage, Conversation,
    Follow, Tweet, Comment, TweetLike, CommentLike, Report,
)  # fmt: skip
