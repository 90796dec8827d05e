"""The feed: made when it is read, of the tweets of those whom one follows (decision 12)."""

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.tweets import Tweet
from mediaserver.store import among
from mediaserver.store.reader import Page
from mediaserver.usecases.context import Context


async def page(ctx: Context, actor: Actor, limit: int, cursor: str | None) -> Page[Tweet]:
    """Tweets of those whom `actor` follows and their own, newest first. Invalid `bad_cursor`."""
    followed = await ctx.relationships.followed(actor.user_id)
    hidden = await ctx.relationships.blocked_either_way(actor.user_id)
    authors = sorted((followed - hidden) | {actor.user_id})
    return await among.newest(ctx.of(Tweet), "userId", authors, limit, cursor)
