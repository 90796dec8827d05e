"""What tweets and comments have in common: something is said, people are named, readers like it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mediaserver.base.errors import FieldError, Invalid, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.domain.text.markup import mentioned_names
from mediaserver.usecases.context import Context
from mediaserver.usecases.notifications import notifications
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.representation.users import DELETED
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]
S = TypeVar("S", Tweet, Comment)


def require_words(content: Content) -> None:
    """Invalid when nothing is said."""
    if content.empty:
        raise Invalid("invalid", "nothing is said", [FieldError("content", "needs text or media")])


async def naming(ctx: Context, said: S) -> S:
    """What is about to be said, with those whom its text names."""
    return said.model_copy(update={"mentions": await mentioned(ctx, said, said.content.text)})


async def mentioned(ctx: Context, said: Tweet | Comment, text: str) -> list[str]:
    """The ids of those whom `text`, in this place, names: who is there, and may read it as far as blocks go."""
    wanted = mentioned_names(text)
    if not wanted:
        return []
    names = [name for one in wanted for name in one]
    found = await ctx.users.find({"usernameFolded": {"$in": names}})
    by_name = {user.username_folded: user.id for user in found}
    meant = (next((by_name[name] for name in one if name in by_name), None) for one in wanted)
    hidden = frozenset[str]().union(*[await ctx.relationships.blocked_either_way(host) for host in said.hosts])
    return list(dict.fromkeys(id for id in meant if id is not None and id not in hidden))


async def edit(ctx: Context, actor: Actor, before: S, fields: Mapping[str, Any]) -> S:
    """Say something else; people whom it names now are told. Invalid; Unavailable `busy` for a moment after it
    was made."""
    content: Content = fields["content"]
    require_words(content)
    if not (before.settled or before.edited_at):  # what follows from its coming must not be taken for its edit's
        raise Unavailable("busy", "this has just been made; try again in a moment")
    named = await mentioned(ctx, before, content.text)
    return await settling.change(ctx, before, {**fields, "mentions": named, "edited_at": ctx.clock()})


async def tell_mentioned(ctx: Context, said: Tweet | Comment) -> None:
    """Whom it names now; whom it named before an edit, and does no more, is told of it no longer."""
    if said.edited_at is not None:
        await notifications.withdraw_from_others(ctx, said.mentions, "mentioned", about(said), said.user_id)
    if said.mentions:
        await notifications.notify(ctx, said.mentions, "mentioned", about(said), said.user_id, under(said))


async def untell(ctx: Context, said: Tweet | Comment) -> None:
    """It is gone, or what it said is: nobody is told of it any more. May be repeated."""
    if isinstance(said, Comment):
        await notifications.withdraw_from_others(ctx, (), "commented", about(said), said.user_id)
    await notifications.forget(ctx, said.id)


def about(said: Tweet | Comment) -> dict[str, str]:
    """What tells in notifications which one it is."""
    return {"tweetId": said.id} if isinstance(said, Tweet) else {"tweetId": said.tweet_id, "commentId": said.id}


def under(said: Tweet | Comment) -> str | None:
    """Whose tweet a comment is about."""
    return None if isinstance(said, Tweet) else said.tweet_user_id


async def describe(ctx: Context, reader: Actor, found: Sequence[Tweet | Comment]) -> list[Wire]:
    """As the wire has them: with their authors, and whether the reader likes them."""
    wires = await expansion.describe(ctx, reader, found)
    liked = await _liked(ctx, reader, found)
    for said, wire in zip(found, wires, strict=True):
        wire["liked"] = said.id in liked
        if said.removed:
            wire["author"] = {"id": said.user_id, "username": DELETED, "profileImage": None}
    return wires


async def _liked(ctx: Context, reader: Actor, found: Sequence[Tweet | Comment]) -> set[str]:
    if not found:
        return set()
    ids = {"$in": [said.id for said in found]}
    if isinstance(found[0], Tweet):
        return set(await ctx.of(TweetLike).values({"userId": reader.user_id, "tweetId": ids}, "tweetId"))
    return set(await ctx.of(CommentLike).values({"userId": reader.user_id, "commentId": ids}, "commentId"))
