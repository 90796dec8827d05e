"""Grants under which a recording is played: one for many first requests, few writes, few for each login."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mediaserver.base.errors import Forbidden
from mediaserver.base.ids import new_id
from mediaserver.base.signing import SignedFile
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.playback import PlaybackGrant
from mediaserver.store.repository import Repository
from mediaserver.usecases.context import Context
from mediaserver.usecases.files import playback
from tests.usecases.world import World


def link(world: World, who: Actor, life_s: int = 900) -> SignedFile:
    expires = int(world.clock.now.timestamp()) + life_s
    return SignedFile("recordings/r/program.mp4", who.link_holder, expires)


def with_settings(ctx: Context, **changes: Any) -> Context:
    objects = ctx.settings.objects.model_copy(update=changes)
    return replace(ctx, settings=ctx.settings.model_copy(update={"objects": objects}))


async def test_of_many_first_requests_at_once_one_opens_the_grant(world: World) -> None:
    signed = link(world, await world.person("ada"))
    grants = await asyncio.gather(*(playback.admit(world.ctx, signed, "r") for _ in range(10)))
    assert len({grant.id for grant in grants}) == 1
    assert await world.ctx.of(PlaybackGrant).count({}) == 1


async def test_a_grant_in_use_is_written_once_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    signed, writes = link(world, await world.person("ada")), 0
    await playback.admit(world.ctx, signed, "r")
    write = Repository.update_one

    async def counted(*args: Any, **named: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(*args, **named)

    monkeypatch.setattr(Repository, "update_one", counted)
    for _ in range(240):
        world.clock.pass_s(1)
        await playback.admit(world.ctx, signed, "r")
    assert writes == 4


async def test_several_requests_at_once_may_renew_it(world: World) -> None:
    signed = link(world, await world.person("ada"))
    await playback.admit(world.ctx, signed, "r")
    world.clock.pass_s(1000)
    grants = await asyncio.gather(*(playback.admit(world.ctx, signed, "r") for _ in range(10)))
    assert {grant.used_at for grant in grants} == {world.clock.now}


async def test_a_login_has_few_grants_and_keeps_those_in_use(world: World) -> None:
    ctx = with_settings(world.ctx, playbacks_per_login=3)
    ada, eve = await world.person("ada"), await world.person("eve")
    await playback.admit(ctx, link(world, eve), "r0")
    links = {f"r{n}": link(world, ada) for n in range(5)}
    for recording, signed in links.items():
        await playback.admit(ctx, signed, recording)
        world.clock.pass_s(70)
        await playback.admit(ctx, links["r0"], "r0")
    theirs = await ctx.of(PlaybackGrant).values({"loginId": ada.login_id}, "recordingId")
    assert sorted(theirs) == ["r0", "r3", "r4"]
    assert await ctx.of(PlaybackGrant).count({"loginId": eve.login_id}) == 1


async def test_a_link_that_may_still_be_started_opens_an_idle_grant_anew(world: World) -> None:
    ctx = with_settings(world.ctx, playback_idle_s=60)
    signed = link(world, await world.person("ada"))
    first = await playback.admit(ctx, signed, "r")
    world.clock.pass_s(600)
    again = await playback.admit(ctx, signed, "r")
    assert (again.id, again.opened_at) == (first.id, world.clock.now)
    world.clock.pass_s(600)
    with pytest.raises(Forbidden) as refused:
        await playback.admit(ctx, signed, "r")
    assert refused.value.code == "expired"


async def test_a_grant_that_was_removed_is_not_used(world: World) -> None:
    signed = link(world, await world.person("ada"))
    grant = await playback.admit(world.ctx, signed, "r")
    await world.ctx.of(PlaybackGrant).delete(grant.id)
    world.clock.pass_s(120)
    assert await playback.use(world.ctx, grant, world.clock.now) is None
    missing = grant.model_copy(update={"id": new_id(), "used_at": world.clock.now})
    assert await playback.use(world.ctx, missing, world.clock.now) is not None, "checked again within a minute"
