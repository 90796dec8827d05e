"""The feed: everything of those whom one follows and one's own, nothing else, in pages that stay."""

import pytest

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.store import among
from mediaserver.usecases.events import CircleChanged
from mediaserver.usecases.social import feed, follows
from tests.usecases.social.test_tweets import tweet
from tests.usecases.world import World


async def read(world: World, who: Actor, limit: int = 100) -> list[str]:
    """All that is in somebody's feed, page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await feed.page(world.ctx, who, limit, cursor)
        assert len(page.items) <= limit
        found += [said.content.text for said in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_it_has_ones_own_and_those_whom_one_follows(world: World) -> None:
    ada, eve, root = [await world.person(name) for name in ("ada", "eve", "root")]
    for n, who in enumerate((ada, eve, root, eve, ada, eve)):
        await tweet(world, who, str(n))
    assert await read(world, ada) == ["4", "0"]
    made = await follows.follow(world.ctx, ada, {"following_user_id": eve.user_id})
    assert await read(world, ada) == await read(world, ada, 2) == ["5", "4", "3", "1", "0"]
    await follows.unfollow(world.ctx, ada, made)
    assert await read(world, ada) == ["4", "0"]


async def test_what_comes_while_one_reads_shifts_nothing(world: World) -> None:
    ada = await world.person("ada")
    for n in range(5):
        await tweet(world, ada, str(n))
    first = await feed.page(world.ctx, ada, 2, None)
    await tweet(world, ada, "later")
    second = await feed.page(world.ctx, ada, 2, first.next_cursor)
    assert [said.content.text for said in (*first.items, *second.items)] == ["4", "3", "2", "1"]


async def test_a_block_shows_at_once_though_the_circle_is_remembered(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await follows.follow(world.ctx, ada, {"following_user_id": eve.user_id})
    await tweet(world, eve, "here")
    assert await read(world, ada) == ["here"]
    await world.ctx.of(Block).add(Block(**world.ctx.stamp(), user_id=eve.user_id, blocked_user_id=ada.user_id))
    world.ctx.events.publish(CircleChanged((ada.user_id, eve.user_id)))
    assert await read(world, ada) == []


@pytest.mark.parametrize("ranges", [100_000, 200, 1])
async def test_many_authors_are_merged_exactly(world: World, ranges: int) -> None:
    world.ctx.repositories.database.merged_ranges = ranges
    authors = [new_id() for _ in range(407)]
    said = [
        Tweet(
            **world.ctx.stamp(),
            user_id=authors[n * 31 % len(authors)],
            content=Content(text=str(n)),
            timestamp=world.clock.now,
        )
        for n in range(300)
    ]
    await world.ctx.of(Tweet).add_many(said)
    wanted = sorted((one.id for one in said if one.user_id in authors[5:]), reverse=True)
    found: list[str] = []
    cursor: str | None = None
    while len(found) < 100:
        page = await among.newest(world.ctx.of(Tweet), "userId", authors[5:], 17, cursor)
        found += [one.id for one in page.items]
        cursor = page.next_cursor
    assert found == wanted[: len(found)]
