"""What follows from the coming and going of each class of documents: one table, for who composes the server."""

from collections.abc import Mapping
from typing import Final

from mediaserver.domain.assignments import Assignment
from mediaserver.domain.blocks import Block
from mediaserver.domain.clips import CourseVideoClipMapping
from mediaserver.domain.comments import Comment
from mediaserver.domain.course_removals import CourseRemoval
from mediaserver.domain.courses import Course
from mediaserver.domain.direct_messages import Conversation, DirectMessage
from mediaserver.domain.document import Document
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.follows import Follow
from mediaserver.domain.lessons import Lesson
from mediaserver.domain.levels import Level
from mediaserver.domain.likes import CommentLike, TweetLike
from mediaserver.domain.recordings import Recording
from mediaserver.domain.sessions import Session
from mediaserver.domain.submissions import Submission
from mediaserver.domain.tweets import Tweet
from mediaserver.domain.users import User
from mediaserver.usecases import (
    assignments,
    blocks,
    clips,
    comments,
    conversations,
    courses,
    deletion,
    enrollments,
    erasure,
    follows,
    lessons,
    likes,
    message_delivery,
    recordings,
    submissions,
    tweets,
)
from mediaserver.usecases.context import Consequences

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
