"""What follows from the coming and going of each class of documents: one table, for who composes the server."""

from collections.abc import Mapping
from typing import Final

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.document import Document
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.clips import CourseVideoClipMapping
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.submissions import Submission
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.context import Consequences
from mediaserver.usecases.learning import assignments, clips, courses, enrollments, lessons, submissions
from mediaserver.usecases.messaging import conversations, message_delivery
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.sessions import deletion, recordings
from mediaserver.usecases.social import blocks, comments, follows, likes, tweets

CONSEQUENCES: Final[Mapping[type[Document], Consequences]] = {
    User: erasure.CONSEQUENCES,
    Course: courses.CONSEQUENCES,
    Level: lessons.LEVEL_CONSEQUENCES,
    Lesson: lessons.CONSEQUENCES,
    Enrollment: enrollments.CONSEQUENCES,
    CourseRemoval: enrollments.REMOVAL_CONSEQUENCES,
    Session: deletion.CONSEQUENCES,
    Recording: recordings.CONSEQUENCES,
    DirectMessage: message_delivery.CONSEQUENCES,
    Conversation: conversations.CONSEQUENCES,
    Block: blocks.CONSEQUENCES,
    Follow: follows.CONSEQUENCES,
    Tweet: tweets.CONSEQUENCES,
    Comment: comments.CONSEQUENCES,
    TweetLike: likes.CONSEQUENCES,
    CommentLike: likes.CONSEQUENCES,
    Assignment: assignments.CONSEQUENCES,
    Submission: submissions.CONSEQUENCES,
    CourseVideoClipMapping: clips.MAPPING_CONSEQUENCES,
}
