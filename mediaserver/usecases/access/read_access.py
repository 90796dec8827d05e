"""Whether somebody may read a document, by its own policy: asked for what hangs on it, such as its uploads."""

from mediaserver.domain.documents.actor import Actor
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Context


async def may_read(ctx: Context, actor: Actor, collection: str, id: str) -> bool:
    """False too when there is no such document or collection."""
    kind = next((kind for kind in ctx.repositories.documents if kind.collection == collection), None)
    document = await ctx.of(kind).find_one({"_id": id}) if kind else None
    return document is not None and await viewer.allows(ctx, actor, document.policy.read, document)
