"""Whether somebody may read a document, by its own policy: asked for what hangs on it, such as its uploads."""

from mediaserver.domain.actor import Actor
from mediaserver.usecases.context import Context
from mediaserver.usecases.viewing import viewer


async def may_read(ctx: Context, actor: Actor, collection: str, id: str) -> bool:
    """False too when there is no such document or collection."""
    kind = next((kind for kind in ctx.repositories.documents if kind.collection == collection), None)
    document = await ctx.of(kind).find_one({"_id": id}) if kind else None
    if document is None:
        return False
    rule = document.policy.read
    return rule.allows(await viewer(ctx, actor, rule.needs) if rule.needs else actor, document)
