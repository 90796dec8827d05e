"""What rules ask about the one who asks: loaded once for a request, and only what its rules need."""

from collections.abc import Set

from mediaserver.domain.actor import Actor, Fact, Viewer
from mediaserver.domain.blocks import Block
from mediaserver.domain.courses import Course
from mediaserver.domain.enrollments import Enrollment
from mediaserver.usecases.context import Context


async def viewer(ctx: Context, actor: Actor, needs: Set[Fact]) -> Viewer:
    """`actor` with the facts in `needs`; the others are empty."""
    enrolled: frozenset[str] = frozenset()
    teaches: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    if "courses" in needs:
        enrolled = frozenset(await ctx.of(Enrollment).values({"userId": actor.user_id}, "courseId"))
        teaches = frozenset(await ctx.of(Course).values({"instructorUserId": actor.user_id}, "_id"))
    if "blocks" in needs:
        hidden = frozenset(await hidden_from(ctx, actor.user_id))
    return Viewer(
        actor.user_id, actor.username, actor.role, actor.login_id,
        enrolled=enrolled, teaches=teaches, hidden=hidden,
    )  # fmt: skip


async def hidden_from(ctx: Context, user_id: str) -> list[str]:
    """Whom a person blocked, and who blocked them."""
    theirs = await ctx.of(Block).values({"userId": user_id}, "blockedUserId")
    return [*theirs, *await ctx.of(Block).values({"blockedUserId": user_id}, "userId")]
