"""All documents that the server stores by itself; those of further REST resources come with their declaration."""

from typing import Final

from mediaserver.domain.blocks import Block
from mediaserver.domain.courses import Course
from mediaserver.domain.document import Document
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.idempotency import IdempotentRequest
from mediaserver.domain.messages import ChatMessage
from mediaserver.domain.notifications import Notification
from mediaserver.domain.participants import Participant
from mediaserver.domain.recordings import Recording
from mediaserver.domain.sessions import Session
from mediaserver.domain.skills import Skill
from mediaserver.domain.uploads import Upload
from mediaserver.domain.users import Login, User

DOCUMENTS: Final[tuple[type[Document], ...]] = (
    User, Login, Session, Participant, ChatMessage, Recording, Upload, IdempotentRequest,
    Block, Skill, Course, Enrollment, Notification,
)  # fmt: skip
