"""The devices on which somebody is signed in, and how they end: one, the others, all."""

import pytest

from mediaserver.base.errors import NotFound, Unauthenticated
from mediaserver.usecases.accounts import identity, logins
from mediaserver.usecases.events import LoginRevoked
from tests.usecases.world import PASSWORD, World

HOME = "192.0.2.7"


async def seen(world: World, who: identity.SignedIn) -> list[str]:
    return [login.id for login in (await logins.page(world.ctx, who.actor, 20, None)).items]


async def test_one_sees_ones_own_that_are_not_over_latest_first(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME, "Laptop")
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME, "Phone")
    lost = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await identity.register(world.ctx, "eve", "eve@example.org", PASSWORD, HOME)
    await identity.logout(world.ctx, lost.refresh_token)
    page = await logins.page(world.ctx, laptop.actor, 20, None)
    assert [login.user_agent for login in page.items] == ["Phone", "Laptop"] and page.next_cursor is None
    world.clock.pass_s(world.ctx.settings.auth.refresh_ttl_s - 1)
    await identity.refresh(world.ctx, phone.refresh_token)
    world.clock.pass_s(1)
    assert await seen(world, laptop) == [phone.actor.login_id]


async def test_one_ends_a_lost_device(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME)
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await logins.end(world.ctx, laptop.actor, phone.actor.login_id)
    assert world.happened(LoginRevoked) == [LoginRevoked(laptop.user.id, phone.actor.login_id)]
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, phone.access_token)
    assert await seen(world, laptop) == [laptop.actor.login_id]
    with pytest.raises(NotFound):
        await logins.end(world.ctx, laptop.actor, phone.actor.login_id)


async def test_nobody_ends_those_of_others(world: World) -> None:
    ada = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME)
    eve = await identity.register(world.ctx, "eve", "eve@example.org", PASSWORD, HOME)
    with pytest.raises(NotFound):
        await logins.end(world.ctx, eve.actor, ada.actor.login_id)
    await identity.authenticate(world.ctx, ada.access_token)


async def test_signing_out_everywhere(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME)
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    eve = await identity.register(world.ctx, "eve", "eve@example.org", PASSWORD, HOME)
    await identity.end_all_logins(world.ctx, laptop.user.id)
    for one in (laptop, phone):
        with pytest.raises(Unauthenticated):
            await identity.authenticate(world.ctx, one.access_token)
        with pytest.raises(Unauthenticated):
            await identity.refresh(world.ctx, one.refresh_token)
    await identity.authenticate(world.ctx, eve.access_token)
    again = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    assert await seen(world, again) == [again.actor.login_id]
    await world.ctx.users.update(again.user.id, inc={"loginEpoch": 1})
    assert await seen(world, again) == [], "also those that a server which died did not close"


async def test_logins_from_before_there_were_epochs_live_on_until_all_end(world: World) -> None:
    ada = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME)
    await world.ctx.logins.update(ada.actor.login_id, unset=["epoch"])
    await world.ctx.users.update(ada.user.id, unset=["loginEpoch"])
    await identity.authenticate(world.ctx, ada.access_token)
    assert await seen(world, ada) == [ada.actor.login_id]
    await identity.end_all_logins(world.ctx, ada.user.id)
    assert world.happened(LoginRevoked) == [LoginRevoked(ada.user.id, ada.actor.login_id)]
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, ada.access_token)
