"""Who takes which course."""

from typing import ClassVar

from mediaserver.domain.documents.document import Consequential, Id, Index, Moment, Reference
from mediaserver.domain.documents.policy import Policy, admin, any_of, anyone, instructor, nobody, owner


class Enrollment(Consequential):
    """That a person takes a course."""

    collection: ClassVar[str] = "enrollments"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(("user_id", "course_id"), unique=True),
        Index(("course_id", "_id")),
    )
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("user_id", "users", "cascade", shown="user"),
        Reference("course_id", "courses", "cascade", shown="course"),
    )
    policy: ClassVar[Policy] = Policy(
        create=anyone,
        read=any_of(owner("user_id"), instructor(), admin),
        update=nobody,
        delete=any_of(owner("user_id"), instructor(), admin),
    )

    user_id: Id
    course_id: Id
    enrollment_date: Moment
