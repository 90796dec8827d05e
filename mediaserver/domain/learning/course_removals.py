"""Students whom an instructor removed from a course."""

from typing import ClassVar

from mediaserver.domain.documents.document import Consequential, Id, Index, Reference
from mediaserver.domain.documents.policy import Policy, admin, any_of, instructor, nobody, owner

TEACHING = any_of(instructor(), admin)


class CourseRemoval(Consequential):
    """That an instructor or admin removed a student from a course.

    The student cannot enroll until this is deleted. A student who leaves by themselves may come back.
    """

    collection: ClassVar[str] = "courseRemovals"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "course_id"), unique=True),
        Index(("course_id", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade", shown="user"),
        Reference("course_id", "courses", "cascade", shown="course"),
        Reference("removed_by_user_id", "users", "keep", shown="removedBy"),
    )
    policy: ClassVar[Policy] = Policy(
        create=nobody, read=any_of(owner("user_id"), TEACHING), update=nobody, delete=TEACHING
    )

    user_id: Id
    course_id: Id
    removed_by_user_id: Id
