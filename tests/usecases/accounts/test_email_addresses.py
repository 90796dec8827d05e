"""Another email address, by who knows the password; and another name."""

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Gone, Invalid, TooMany, Unauthenticated
from mediaserver.domain.accounts.users import User
from mediaserver.usecases.accounts import email_addresses, identity, password_changes
from mediaserver.usecases.representation import users
from tests.usecases.accounts.test_password_changes import HOME, NEW, refused, register, reset_token
from tests.usecases.world import PASSWORD, World

OTHER = "Countess@example.org"


async def test_new_address_signs_in_and_old_address_is_notified(world: World) -> None:
    ada = await register(world)
    assert (await email_addresses.change(world.ctx, ada.actor, PASSWORD, OTHER)).email == OTHER
    assert (await identity.login(world.ctx, "countess@EXAMPLE.org", PASSWORD, HOME)).user.id == ada.user.id
    await refused(Unauthenticated, identity.login(world.ctx, "ada@example.org", PASSWORD, HOME))
    (mail,) = await world.mails()
    assert mail.to == "Ada@example.org" and OTHER in mail.text


async def test_the_password_is_asked_for_and_guesses_are_limited(world: World) -> None:
    ada = await register(world)
    wrong = await refused(Forbidden, email_addresses.change(world.ctx, ada.actor, "wrong", OTHER))
    assert (wrong.code, [fault.loc for fault in wrong.errors]) == ("wrong_password", ["password"])
    for _ in range(world.ctx.settings.auth.attempts_per_minute - 1):
        await refused(Forbidden, email_addresses.change(world.ctx, ada.actor, "wrong", OTHER))
    await refused(TooMany, email_addresses.change(world.ctx, ada.actor, PASSWORD, OTHER))
    await refused(TooMany, password_changes.change(world.ctx, ada.actor, PASSWORD, NEW))
    assert (await world.ctx.users.get(ada.user.id)).email == "Ada@example.org" and not await world.mails()


async def test_an_address_belongs_to_one_person(world: World) -> None:
    ada, eve = await register(world), await register(world, "eve")
    taken = await refused(Conflict, email_addresses.change(world.ctx, eve.actor, PASSWORD, "ADA@example.org"))
    assert (taken.code, [fault.loc for fault in taken.errors]) == ("email_taken", ["email"])
    await email_addresses.change(world.ctx, ada.actor, PASSWORD, "ADA@example.org")
    assert not [mail for mail in await world.mails() if mail.to != "Ada@example.org"]


async def test_it_is_not_the_password(world: World) -> None:
    ada = await register(world)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, OTHER)
    refusal = await refused(Invalid, email_addresses.change(world.ctx, ada.actor, OTHER, OTHER.upper()))
    assert [fault.loc for fault in refusal.errors] == ["email"]


async def test_links_mailed_to_the_old_address_stop_working(world: World) -> None:
    ada = await register(world)
    token = await reset_token(world)
    await email_addresses.change(world.ctx, ada.actor, PASSWORD, OTHER)
    await refused(Gone, password_changes.confirm(world.ctx, token, NEW, HOME))


async def test_another_name_is_found_and_shown_at_once(world: World) -> None:
    ada, eve = await register(world), await register(world, "eve")
    world.ctx.tokens.heed(world.ctx.events)
    await identity.authenticate(world.ctx, ada.access_token)
    user = await users.update(
        world.ctx, ada.actor, await world.ctx.users.get(ada.user.id), {"username": "Lovelace"}
    )
    assert (user.username_folded, user.beginnings.split()[0]) == ("lovelace", "lo")
    assert (await identity.authenticate(world.ctx, ada.access_token)).username == "Lovelace"
    assert (await users.by_name(world.ctx, "lovelace")).id == ada.user.id
    with pytest.raises(Conflict) as taken:
        await users.update(world.ctx, eve.actor, await world.ctx.users.get(eve.user.id), {"username": "LOVELACE"})
    assert taken.value.code == "username_taken"
    assert await world.ctx.of(User).count({"usernameFolded": "ada"}) == 0
