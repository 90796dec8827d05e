"""Likes and the feed: what there is of tweets beyond CRUD."""

from pydantic import BaseModel

from mediaserver.api.declarations.bodies import Body
from mediaserver.api.declarations.calls import Answer, Call
from mediaserver.api.declarations.endpoint import Endpoint
from mediaserver.api.declarations.operation import Accepts, Returns
from mediaserver.api.declarations.pagination import PageQuery, page
from mediaserver.api.declarations.views import PersonView
from mediaserver.api.social.tweet_resources import COMMENT_VIEW, TWEET_VIEW
from mediaserver.domain.documents.document import Moment
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.access import viewer
from mediaserver.usecases.social import feed, likes, posts


class LikeView(Body):
    user: PersonView
    liked_at: Moment


class _Likes:
    """The likes of one kind of thing: liking and not liking answer the thing as it is then."""

    def __init__(self, kind: type[Tweet] | type[Comment]) -> None:
        self._kind = kind

    async def like(self, call: Call) -> Answer:
        """Like it. Liking it again changes nothing. Returns it with the new number of likes."""
        await likes.like(call.context, call.actor, await self._find(call))
        return await self._answer(call)

    async def unlike(self, call: Call) -> Answer:
        """Withdraw your like. Returns it with the new number of likes."""
        await likes.unlike(call.context, call.actor, await self._find(call))
        return await self._answer(call)

    async def list(self, call: Call) -> Answer:
        """Return a page of the users who like it, the latest first."""
        liked, query = await self._find(call), call.query
        found = await likes.page(call.context, call.actor, liked, query.limit, query.cursor)
        return page(await likes.describe(call.context, found.items), found.next_cursor)

    async def _find(self, call: Call) -> Tweet | Comment:
        return await viewer.find(call.context, call.actor, self._kind, call.id())

    async def _answer(self, call: Call) -> Answer:
        found = await self._find(call)
        (wire,) = await posts.describe(call.context, call.actor, [found])
        return Answer(wire, revision=found.revision)


async def _feed(call: Call) -> Answer:
    """Return a page of the tweets of the users you follow and your own, newest first."""
    found = await feed.page(call.context, call.actor, call.query.limit, call.query.cursor)
    return page(await posts.describe(call.context, call.actor, found.items), found.next_cursor)


def _of_likes(kind: type[Tweet] | type[Comment], stem: str, view: type[BaseModel]) -> tuple[Endpoint, ...]:
    acts, tag, word = _Likes(kind), kind.__name__, kind.__name__.lower()
    path = stem + "/{id}/like"
    return (
        Endpoint(
            "PUT",
            path,
            f"Like a {word}",
            acts.like,
            tag,
            returns=Returns(model=view, revision_tag=True, errors=(404, 409)),
        ),
        Endpoint(
            "DELETE",
            path,
            f"Withdraw a like of a {word}",
            acts.unlike,
            tag,
            returns=Returns(model=view, revision_tag=True, errors=(404,)),
            name=f"unlike{tag}",
        ),
        Endpoint(
            "GET",
            path + "s",
            f"List the likes of a {word}",
            acts.list,
            tag,
            accepts=Accepts(query=PageQuery),
            returns=Returns(model=LikeView, page=True, errors=(404,)),
        ),
    )


ENDPOINTS = (
    *_of_likes(Tweet, "/tweets", TWEET_VIEW),
    *_of_likes(Comment, "/comments", COMMENT_VIEW),
    Endpoint(
        "GET",
        "/feed",
        "Read your feed",
        _feed,
        "Tweet",
        accepts=Accepts(query=PageQuery),
        returns=Returns(model=TWEET_VIEW, page=True),
        name="getFeed",
    ),
)
