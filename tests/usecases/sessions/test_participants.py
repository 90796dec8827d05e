"""Participation: one document per person, whose stays add up."""

import asyncio
from dataclasses import replace

from mediaserver.usecases.sessions import participants
from tests.usecases.world import World


async def test_who_comes_back_is_the_same_participant(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    first = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    world.clock.pass_s(10)
    left = await participants.leave(world.ctx, first.id, world.clock.now)
    assert (left.seconds_present, left.left_at) == (10, world.clock.now)
    world.clock.pass_s(100)
    again = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    assert (again.id, again.left_at, again.joined_at) == (first.id, None, world.clock.now)
    world.clock.pass_s(5)
    assert (await participants.leave(world.ctx, first.id, world.clock.now)).seconds_present == 15


async def test_leaving_twice_counts_once(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    guest = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    world.clock.pass_s(10)
    left = await asyncio.gather(*(participants.leave(world.ctx, guest.id, world.clock.now) for _ in range(5)))
    assert {one.seconds_present for one in left} == {10}


async def test_a_second_tab_does_not_restart_the_stay(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    first = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    world.clock.pass_s(10)
    assert (
        await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    ).joined_at == first.joined_at


async def test_coming_in_twice_at_once_makes_one_participant(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    both = await asyncio.gather(
        *(participants.enter(world.ctx, ada, session, "moderator", world.clock.now) for _ in range(10))
    )
    assert len({one.id for one in both}) == await world.ctx.participants.count({}) == 1


async def test_a_new_start_finds_nobody_in(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    guest = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    world.clock.pass_s(3600)
    assert await participants.close_stays(world.ctx, world.clock.now) == 1
    closed = await world.ctx.participants.get(guest.id)
    assert closed.left_at is not None and closed.seconds_present < 60


async def test_a_start_closes_the_stays_of_its_own_node_alone(world: World) -> None:
    here, there = replace(world.ctx, node="here"), replace(world.ctx, node="there")
    ada = await world.person("ada")
    stays = {}
    for ctx in (here, there, world.ctx):
        session = await world.live_session(ada)
        stays[ctx.node] = await participants.enter(ctx, ada, session, "moderator", world.clock.now)
    assert await participants.close_stays(here, world.clock.now) == 2
    left = {node: (await world.ctx.participants.get(stay.id)).left_at for node, stay in stays.items()}
    assert left["there"] is None and left["here"] and left[""]


async def test_a_stay_belongs_to_the_node_that_was_entered_last(world: World) -> None:
    here, there = replace(world.ctx, node="here"), replace(world.ctx, node="there")
    ada = await world.person("ada")
    session = await world.live_session(ada)
    await participants.enter(here, ada, session, "moderator", world.clock.now)
    await participants.enter(there, ada, session, "moderator", world.clock.now)
    assert await participants.close_stays(here, world.clock.now) == 0
    assert await participants.close_stays(there, world.clock.now) == 1


async def test_what_has_no_node_yet_is_everyones(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    stay = await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    await world.ctx.participants.update(stay.id, unset=("node",))
    assert await participants.close_stays(replace(world.ctx, node="here"), world.clock.now) == 1
