"""What one process ends, another notices: here two contexts share a database and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mediaserver.base.errors import Unauthenticated, Unavailable
from mediaserver.domain.accounts.users import Login
from mediaserver.usecases.accounts import identity, password_changes
from mediaserver.usecases.context import Context
from mediaserver.usecases.events import Event, Events, LoginRevoked, RoleChanged, UserDeactivated
from mediaserver.usecases.login.revocations import Watch
from mediaserver.usecases.login.tokens import AccessTokens
from tests.usecases.world import PASSWORD, World

HOME = "192.0.2.7"


class Elsewhere:
    """Another process, in which somebody is known."""

    def __init__(self, world: World) -> None:
        settings = world.ctx.settings.auth
        tokens = AccessTokens(world.ctx.secrets.jwt_key, settings.access_ttl_s)
        self.ctx: Context = replace(world.ctx, events=Events(), tokens=tokens)
        self.watch = Watch(self.ctx)
        self.happened: list[Event] = []
        for kind in (LoginRevoked, RoleChanged, UserDeactivated):
            self.ctx.events.subscribe(kind, self.happened.append)

    async def knows(self, signed_in: identity.SignedIn) -> bool:
        try:
            await identity.authenticate(self.ctx, signed_in.access_token)
        except Unauthenticated:
            return False
        return True


@pytest.fixture
async def ada(world: World) -> identity.SignedIn:
    return await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME)


async def test_login_ended_elsewhere_is_announced_once(world: World, ada: identity.SignedIn) -> None:
    other = Elsewhere(world)
    assert await other.knows(ada)
    await identity.logout(world.ctx, ada.refresh_token)
    assert await other.knows(ada), "it was remembered"
    await other.watch.look()
    assert not await other.knows(ada)
    await other.watch.look()
    assert other.happened == [LoginRevoked(ada.user.id, ada.actor.login_id)]


@pytest.mark.parametrize("times", [1, 2], ids=["once", "and again"])
async def test_a_deactivation_elsewhere(world: World, ada: identity.SignedIn, times: int) -> None:
    other = Elsewhere(world)
    for _ in range(times):
        ada = await identity.login(world.ctx, "ada", PASSWORD, HOME)
        assert await other.knows(ada)
        await identity.set_active(world.ctx, ada.user.id, False)
        other.happened.clear()
        world.clock.pass_s(0.4)
        await other.watch.look()
        assert UserDeactivated(ada.user.id) in other.happened
        assert not await other.knows(ada)
        await identity.set_active(world.ctx, ada.user.id, True)


async def test_a_role_given_elsewhere(world: World, ada: identity.SignedIn) -> None:
    other = Elsewhere(world)
    assert await other.knows(ada)
    await identity.set_role(world.ctx, ada.user.id, "admin")
    await other.watch.look()
    await other.watch.look()
    assert other.happened == [RoleChanged(ada.user.id, "admin")]
    assert (await identity.authenticate(other.ctx, ada.access_token)).is_admin


async def test_a_password_changed_elsewhere_spares_the_login_that_changed_it(
    world: World, ada: identity.SignedIn
) -> None:
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    other = Elsewhere(world)
    assert await other.knows(ada) and await other.knows(phone)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, "a better one")
    await other.watch.look()
    assert await other.knows(ada) and not await other.knows(phone)
    ended = [event for event in other.happened if isinstance(event, LoginRevoked)]
    assert ended == [LoginRevoked(ada.user.id, phone.actor.login_id)]


async def test_what_a_process_left_half_done_another_finishes(world: World, ada: identity.SignedIn) -> None:
    """It died between its one write and telling anybody."""
    other = Elsewhere(world)
    assert await other.knows(ada)
    changes = {"active": False, "rightsChangedAt": world.clock()}
    await world.ctx.users.update(ada.user.id, set=changes, inc={"loginEpoch": 1})
    await other.watch.look()
    assert LoginRevoked(ada.user.id, ada.actor.login_id) in other.happened
    assert not await other.knows(ada)
    assert (await world.ctx.logins.get(ada.actor.login_id)).revoked_at is not None


async def test_what_is_noticed_is_not_sent_to_other_nodes(world: World, ada: identity.SignedIn) -> None:
    """Each looks for itself."""
    other, sent = Elsewhere(world), list[Event]()
    other.ctx.events.relay = sent.append
    await identity.logout(world.ctx, ada.refresh_token)
    await identity.set_active(world.ctx, ada.user.id, False)
    await other.watch.look()
    assert len(other.happened) >= 2 and sent == []


async def test_events_published_here_are_not_published_again(world: World, ada: identity.SignedIn) -> None:
    watch = Watch(world.ctx)
    await identity.logout(world.ctx, ada.refresh_token)
    await watch.look()
    assert len(world.happened(LoginRevoked)) == 1


async def test_nothing_is_missed_while_the_database_is_away(
    world: World, ada: identity.SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Elsewhere(world)
    await identity.logout(world.ctx, ada.refresh_token)
    away = True
    find = world.ctx.logins.find

    async def fails(*args: object, **named: object) -> list[Login]:
        if away:
            raise Unavailable("store_unavailable", "the database is away")
        return await find(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.ctx.logins), "find", staticmethod(fails))
    for _ in range(3):
        world.clock.pass_s(60)
        with pytest.raises(Unavailable):
            await other.watch.look()
    away = False
    monkeypatch.undo()
    await other.watch.look()
    assert other.happened == [LoginRevoked(ada.user.id, ada.actor.login_id)]


async def test_it_looks_on_after_an_outage(
    world: World, ada: identity.SignedIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mediaserver.usecases.login.revocations.INTERVAL_S", 0.01)
    other, looks = Elsewhere(world), 0
    look = other.watch.look

    async def twice_away() -> None:
        nonlocal looks
        looks += 1
        if looks <= 2:
            raise Unavailable("store_unavailable", "the database is away")
        await look()

    monkeypatch.setattr(other.watch, "look", twice_away)
    running = asyncio.create_task(other.watch.run())
    await identity.logout(world.ctx, ada.refresh_token)
    async with asyncio.timeout(5):
        while not other.happened:
            await asyncio.sleep(0.01)
    running.cancel()
    assert caplog.text.count("revocations failed, trying again") == 1


async def test_a_login_that_ends_while_it_is_looked_up_is_not_taken(
    world: World, ada: identity.SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Elsewhere(world)
    users = type(other.ctx.users)
    find_one = users.find_one

    def ending(act: Callable[[], Awaitable[object]]) -> None:
        async def find_then_end(self: object, *args: object, **named: object) -> object:
            found = await find_one(self, *args, **named)  # type: ignore[arg-type]
            monkeypatch.setattr(users, "find_one", find_one)
            await act()
            return found

        monkeypatch.setattr(users, "find_one", find_then_end)

    async def end() -> None:
        await identity.logout(world.ctx, ada.refresh_token)
        await other.watch.look()

    ending(end)
    assert not await other.knows(ada)
