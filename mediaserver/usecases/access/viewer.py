"""What rules ask about the one who asks: loaded once for a request, and only what its rules need."""

from collections.abc import Set
from typing import Any, TypeVar

from mediaserver.base.errors import Forbidden, NotFound
from mediaserver.domain.documents.actor import Actor, Fact, Viewer
from mediaserver.domain.documents.document import Document
from mediaserver.domain.documents.policy import Rule
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.usecases.context import Context

D = TypeVar("D", bound=Document)


async def viewer(ctx: Context, actor: Actor, needs: Set[Fact], judged: Any = None) -> Viewer:
    """`actor` with the facts in `needs`, the others are empty. What is asked about one course alone is about that
    of `judged`: a document, or the query of a list."""
    enrolled: frozenset[str] = frozenset()
    teaches: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    if "courses" in needs:
        enrolled = frozenset(await ctx.of(Enrollment).values({"userId": actor.user_id}, "courseId"))
        teaches = frozenset(await ctx.of(Course).values({"instructorUserId": actor.user_id}, "_id"))
    if "published" in needs and (course_id := await _course_of(ctx, judged)):
        published = frozenset(await ctx.of(Course).values({"_id": course_id, "published": True}, "_id"))
    if "blocks" in needs:
        hidden = await ctx.relationships.blocked_either_way(actor.user_id)
    return Viewer(
        actor.user_id, actor.username, actor.role, actor.login_id, login_epoch=actor.login_epoch,
        enrolled=enrolled, teaches=teaches, published=published, hidden=hidden,
    )  # fmt: skip


async def unseen(ctx: Context, reader: Actor) -> frozenset[str]:
    """Ids of the people whom `reader` does not see."""
    return frozenset() if reader.is_admin else await ctx.relationships.blocked_either_way(reader.user_id)


async def _course_of(ctx: Context, judged: Any) -> str | None:
    """The course that a document belongs to, or that a query asks about, if only by a lesson of it."""
    if course_id := getattr(judged, "course_id", None):
        return str(course_id)
    lesson_id = getattr(judged, "lesson_id", None)
    lesson = await ctx.of(Lesson).find_one({"_id": lesson_id}) if lesson_id else None
    return lesson.course_id if lesson else None


async def allows(ctx: Context, actor: Actor, rule: Rule, document: Any) -> bool:
    """Whether a rule lets `actor` do with a document what it is about."""
    facts = await viewer(ctx, actor, rule.needs, document) if rule.needs else actor
    return rule.allows(facts, document)


async def require(ctx: Context, actor: Actor, rule: Rule, document: Any) -> None:
    """Unless the rule lets `actor` do that: Forbidden in its words, or `missing` where it hides."""
    if not await allows(ctx, actor, rule, document):
        if rule.refusal.hides:
            raise missing(ctx, type(document))
        raise Forbidden(rule.refusal.code, rule.refusal.detail)


async def find(ctx: Context, actor: Actor, kind: type[D], id: str) -> D:
    """The document, for whoever may read it. NotFound, Forbidden."""
    found = await ctx.of(kind).find_one({"_id": id})
    if found is None:
        raise missing(ctx, kind)
    await require(ctx, actor, kind.policy.read, found)
    return found


def missing(ctx: Context, kind: type[Document]) -> NotFound:
    """What is said of a document that is not there and of one that is hidden: nobody can tell which it is."""
    return NotFound("not_found", f"there is no such {ctx.of(kind).words}")
