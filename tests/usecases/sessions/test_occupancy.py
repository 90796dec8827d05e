"""Sessions that end by themselves when nobody is in them any more."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mediaserver.base.errors import Conflict
from mediaserver.base.settings.tree import Rooms
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.events import SessionEnded, SessionUpdated
from mediaserver.usecases.sessions import occupancy, participants, sessions
from mediaserver.usecases.sessions.occupancy import Occupancy
from tests.usecases.world import World

LIMIT_S = 600.0


class Node:
    """One server's `Occupancy`, stepped in the test's time."""

    def __init__(self, world: World) -> None:
        self.world, self.occupied = world, set[str]()
        self._occupancy = Occupancy(world.ctx, lambda: sorted(self.occupied))

    async def pass_s(self, seconds: float) -> list[str]:
        """Step every 30 s for so long; the ids of the sessions that were ended."""
        ended = [session.id for session in await self._occupancy.step()]
        for _ in range(round(seconds / 30)):
            self.world.clock.pass_s(30)
            ended += [session.id for session in await self._occupancy.step()]
        return ended

    async def step(self) -> list[str]:
        return [session.id for session in await self._occupancy.step()]


async def joined(world: World, moderator: Actor, **fields: object) -> Session:
    """A live session that somebody has joined just now."""
    session = await world.live_session(moderator, **fields)
    await occupancy.occupy(world.ctx, session)
    await participants.enter(world.ctx, moderator, session, "moderator", world.clock.now)
    return await found(world, session)


async def found(world: World, session: Session) -> Session:
    return await sessions.find(world.ctx, session.kind, session.id)


async def test_a_session_that_everyone_left_ends_after_the_time(world: World) -> None:
    node, ada = Node(world), await world.person("ada")
    session = await joined(world, ada)
    node.occupied = {session.id}
    assert await node.pass_s(2 * LIMIT_S) == []
    node.occupied.clear()
    assert await node.pass_s(LIMIT_S - 30) == []
    assert await node.pass_s(60) == [session.id]
    ended = await found(world, session)
    assert ended.status == "ended" and ended.ended_at == world.clock.now
    assert [event.session.id for event in world.happened(SessionEnded)] == [session.id]


async def test_a_session_that_nobody_has_joined_stays_live(world: World) -> None:
    session = await world.live_session(await world.person("ada"))
    assert await Node(world).pass_s(3 * LIMIT_S) == []
    assert (await found(world, session)).status == "live"


async def test_a_session_from_before_occupancy_was_stored_that_nobody_has_joined_stays_live(world: World) -> None:
    session = await world.live_session(await world.person("ada"))
    await world.ctx.sessions.update(session.id, set={"occupiedAt": world.clock.now}, edits=False)
    assert await Node(world).pass_s(3 * LIMIT_S) == []


async def test_the_moderator_can_turn_it_off_and_on(world: World) -> None:
    node, ada = Node(world), await world.person("ada")
    session = await joined(world, ada, ends_when_empty=False)
    assert await node.pass_s(3 * LIMIT_S) == []
    await sessions.update(world.ctx, ada, session, {"ends_when_empty": True})
    assert await node.pass_s(30) == [session.id]


async def test_zero_turns_it_off_for_all(world: World) -> None:
    settings = world.ctx.settings
    never = settings.model_copy(update={"rooms": Rooms(end_empty_session_s=0)})
    session = await joined(world, await world.person("ada"))
    node = Occupancy(replace(world.ctx, settings=never), list)
    for _ in range(50):
        world.clock.pass_s(30)
        assert await node.step() == []
    assert (await found(world, session)).status == "live"


async def test_a_session_with_people_at_another_node_stays_live(world: World) -> None:
    here, there = Node(world), Node(world)
    session = await joined(world, await world.person("ada"))
    there.occupied = {session.id}
    for _ in range(50):
        assert await here.step() == []
        assert await there.step() == []
        world.clock.pass_s(30)
    assert (await found(world, session)).status == "live"


@pytest.mark.parametrize("gap_s", [LIMIT_S, 86400.0, -3600.0])
async def test_after_a_gap_people_have_the_whole_time_to_come_back(world: World, gap_s: float) -> None:
    """The machine slept, the store was away, or the clock was set."""
    node, ada = Node(world), await world.person("ada")
    session = await joined(world, ada)
    node.occupied = {session.id}
    await node.pass_s(2 * LIMIT_S)
    node.occupied.clear()
    world.clock.now += timedelta(seconds=gap_s)
    assert await node.step() == []
    assert await node.pass_s(LIMIT_S - 30) == []


async def test_a_node_that_starts_ends_nothing_at_once(world: World) -> None:
    session = await joined(world, await world.person("ada"))
    world.clock.pass_s(10 * LIMIT_S)
    node = Node(world)
    assert await node.pass_s(LIMIT_S - 30) == []
    assert await node.pass_s(60) == [session.id]


async def test_joining_and_ending_at_once_leave_either_an_ended_or_an_occupied_session(world: World) -> None:
    ada = await world.person("ada")
    for _ in range(10):
        node, session = Node(world), await joined(world, ada)
        await node.pass_s(LIMIT_S)
        world.clock.pass_s(30)
        stale = await found(world, session)
        step, joining = await asyncio.gather(
            node.step(), occupancy.occupy(world.ctx, stale), return_exceptions=True
        )
        after = await found(world, session)
        assert not isinstance(step, BaseException)
        assert (after.status == "ended") == (session.id in step) == isinstance(joining, Conflict)
        if after.status == "live":
            assert after.occupied_at == world.clock.now


async def test_joining_an_ended_session_is_refused(world: World) -> None:
    ada = await world.person("ada")
    session = await joined(world, ada)
    await sessions.end(world.ctx, ada, session.kind, session.id)
    world.clock.pass_s(60)
    with pytest.raises(Conflict) as over:
        await occupancy.occupy(world.ctx, session)
    assert over.value.code == "ended"


async def test_being_occupied_is_no_edit(world: World) -> None:
    """No new version, no event and no new ETag, however often it is renewed."""
    node, ada = Node(world), await world.person("ada")
    session = await joined(world, ada)
    node.occupied = {session.id}
    await node.pass_s(300)
    after = await found(world, session)
    assert after.occupied_at == world.clock.now
    assert (after.revision, after.updated_at) == (session.revision, session.updated_at)
    assert world.happened(SessionUpdated) == []
    assert "occupiedAt" not in after.to_wire()


@pytest.mark.parametrize(("limit_s", "interval_s"), [(600.0, 30.0), (60.0, 20.0), (3.0, 1.0), (0.0, 60.0)])
def test_occupancy_is_renewed_well_within_the_time(limit_s: float, interval_s: float) -> None:
    assert occupancy.interval_s(Rooms(end_empty_session_s=limit_s)) == interval_s
