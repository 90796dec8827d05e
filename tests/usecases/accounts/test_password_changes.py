"""Another password: by who knows the old one, or who reads the mail; and what that ends."""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Gone, Invalid, TooMany, Unauthenticated
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.accounts import email_addresses, identity, password_changes
from mediaserver.usecases.events import LoginRevoked
from mediaserver.usecases.login import tokens
from tests.usecases.upgraded_hashes import HashUpgradedMeanwhile
from tests.usecases.world import PASSWORD, World

HOME = "192.0.2.7"
NEW = "a better one"


async def register(world: World, name: str = "Ada") -> identity.SignedIn:
    return await identity.register(world.ctx, name, f"{name}@example.org", PASSWORD, HOME)


async def refused(error: type[Exception], act: Awaitable[Any]) -> Any:
    with pytest.raises(error) as raised:
        await act
    return raised.value


async def alive(world: World, signed_in: identity.SignedIn) -> bool:
    try:
        await identity.authenticate(world.ctx, signed_in.access_token)
    except Unauthenticated:
        return False
    return True


async def reset_token(world: World, login: str = "ada") -> str:
    await password_changes.ask(world.ctx, login, HOME)
    return token_in((await world.mails())[-1])


def token_in(mail: MailMessage) -> str:
    found = re.search(r"/#/reset/(\S+)", mail.text)
    assert found, mail.text
    return found[1]


async def test_a_change_ends_all_other_logins_and_keeps_this_one(world: World) -> None:
    laptop = await register(world)
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await password_changes.change(world.ctx, laptop.actor, PASSWORD, NEW)
    assert await alive(world, laptop) and not await alive(world, phone)
    assert world.happened(LoginRevoked) == [LoginRevoked(laptop.user.id, phone.actor.login_id)]
    await identity.refresh(world.ctx, laptop.refresh_token)
    await refused(Unauthenticated, identity.refresh(world.ctx, phone.refresh_token))
    await refused(Unauthenticated, identity.login(world.ctx, "ada", PASSWORD, HOME))
    assert await alive(world, await identity.login(world.ctx, "ada", NEW, HOME))
    (mail,) = await world.mails()
    assert mail.to == "Ada@example.org" and mail.subject == "Your password was changed"


async def test_a_change_needs_the_present_password(world: World) -> None:
    ada = await register(world)
    wrong = await refused(Forbidden, password_changes.change(world.ctx, ada.actor, "wrong one", NEW))
    assert wrong.code == "wrong_password" and wrong.errors[0].loc == "currentPassword"
    for _ in range(4):
        await refused(Forbidden, password_changes.change(world.ctx, ada.actor, "wrong one", NEW))
    await refused(TooMany, password_changes.change(world.ctx, ada.actor, PASSWORD, NEW))
    world.clock.pass_s(61)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, NEW)


@pytest.mark.parametrize("new", ["ADA-lovelace", "ada-LOVELACE@example.org", "short", "x" * 257, "nul\x00inside"])
async def test_a_bad_new_password_changes_nothing(world: World, new: str) -> None:
    ada = await register(world, "Ada-Lovelace")
    bad = await refused(Invalid, password_changes.change(world.ctx, ada.actor, PASSWORD, new))
    assert [fault.loc for fault in bad.errors] == ["newPassword"]
    token = await reset_token(world, "ada-lovelace")
    bad = await refused(Invalid, password_changes.confirm(world.ctx, token, new, HOME))
    assert [fault.loc for fault in bad.errors] == ["password"]
    await identity.login(world.ctx, "ada-lovelace", PASSWORD, HOME)


async def test_a_name_is_no_password_from_the_beginning(world: World) -> None:
    for obvious in ("Ada-Lovelace", "ada@example.org"):
        make = identity.create_user(world.ctx, "ada-lovelace", "ada@example.org", obvious, "student")
        assert (await refused(Invalid, make)).errors[0].loc == "password"


async def test_a_password_is_the_same_however_its_letters_are_composed(world: World) -> None:
    ada = await register(world)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, "Jos\u00e9 and me")
    await identity.login(world.ctx, "ada", "Jose\u0301 and me", HOME)


async def test_of_two_changes_at_once_one_wins_and_the_other_is_signed_out(world: World) -> None:
    laptop = await register(world)
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    changes = [
        password_changes.change(world.ctx, one.actor, PASSWORD, f"{NEW} {n}")
        for n, one in enumerate((laptop, phone))
    ]
    results = await asyncio.gather(*changes, return_exceptions=True)
    won = results.index(None)
    assert isinstance(results[1 - won], (Conflict, Forbidden))
    assert [await alive(world, one) for one in (laptop, phone)] == [won == 0, won == 1]
    await identity.login(world.ctx, "ada", f"{NEW} {won}", HOME)


async def test_who_signs_in_with_the_old_password_meanwhile_is_not_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(world)
    matches = world.ctx.passwords.matches

    async def then_it_changes(stored: str | None, password: str) -> bool:
        fits = await matches(stored, password)
        await identity.end_all_logins(world.ctx, ada.user.id)
        return fits

    monkeypatch.setattr(world.ctx.passwords, "matches", then_it_changes)
    await refused(Unauthenticated, identity.login(world.ctx, "ada", PASSWORD, HOME))
    assert not await world.ctx.logins.exists({"userId": ada.user.id, "revokedAt": None})


async def test_a_reset_sets_the_password_and_ends_all_logins(world: World) -> None:
    laptop = await register(world)
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    token = await reset_token(world, " ADA@example.org ")
    (mail,) = await world.mails()
    assert mail.to == "Ada@example.org" and "Ada" in mail.text and "60 minutes" in mail.text
    await password_changes.confirm(world.ctx, token, NEW, HOME)
    assert not await alive(world, laptop) and not await alive(world, phone)
    assert {event.login_id for event in world.happened(LoginRevoked)} == {  # type: ignore[attr-defined]
        laptop.actor.login_id,
        phone.actor.login_id,
    }
    await identity.login(world.ctx, "ada", NEW, HOME)
    assert (await world.mails())[-1].subject == "Your password was changed"


async def test_only_a_hash_of_the_token_is_stored(world: World) -> None:
    ada = await register(world)
    token = await reset_token(world)
    stored = await world.ctx.users.get(ada.user.id)
    assert stored.reset_hash == tokens.hash_token(token) and token not in repr(stored.to_mongo())
    assert not {"resetHash", "resetUntil", "loginEpoch", "rightsChangedAt"} & set(stored.to_wire())


async def test_a_link_works_once(world: World) -> None:
    await register(world)
    token = await reset_token(world)
    await password_changes.confirm(world.ctx, token, NEW, HOME)
    assert (await refused(Gone, password_changes.confirm(world.ctx, token, "another", HOME))).code == "reset_over"
    await identity.login(world.ctx, "ada", NEW, HOME)


async def test_of_two_who_confirm_at_once_one_wins(world: World) -> None:
    await register(world)
    token = await reset_token(world)
    tries = (password_changes.confirm(world.ctx, token, f"{NEW} {n}", HOME) for n in range(4))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Gone"] * 3 + ["NoneType"]
    await identity.login(world.ctx, "ada", f"{NEW} {results.index(None)}", HOME)


async def test_a_link_ends_after_an_hour_with_a_younger_one_and_with_the_account(world: World) -> None:
    ada = await register(world)
    first, second = await reset_token(world), await reset_token(world)
    await refused(Gone, password_changes.confirm(world.ctx, first, NEW, HOME))
    world.clock.pass_s(3600)
    await refused(Gone, password_changes.confirm(world.ctx, second, NEW, HOME))
    third = await reset_token(world)
    await identity.set_active(world.ctx, ada.user.id, False)
    await identity.set_active(world.ctx, ada.user.id, True)
    await refused(Gone, password_changes.confirm(world.ctx, third, NEW, HOME))
    held = await reset_token(world)
    await world.ctx.users.update(ada.user.id, set={"active": False})
    await refused(Gone, password_changes.confirm(world.ctx, held, NEW, HOME))
    await world.ctx.users.update(ada.user.id, set={"active": True})
    fourth = await reset_token(world)
    signed_in = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await password_changes.change(world.ctx, signed_in.actor, PASSWORD, NEW)
    await refused(Gone, password_changes.confirm(world.ctx, fourth, "another", HOME))


@pytest.mark.parametrize("token", ["", ".", "nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x", "a\x00b", "\ud800.x"])
async def test_a_made_up_token_is_refused_and_guessing_limited(world: World, token: str) -> None:
    for _ in range(5):
        await refused(Gone, password_changes.confirm(world.ctx, token, NEW, HOME))
    await refused(TooMany, password_changes.confirm(world.ctx, token, NEW, HOME))
    await register(world)
    good = await reset_token(world)
    await password_changes.confirm(
        world.ctx, good, NEW, HOME
    )  # made-up tokens of others here do not refuse a good one


async def test_nobody_learns_who_has_an_account(world: World) -> None:
    ada = await register(world)
    await password_changes.ask(world.ctx, "nobody", HOME)
    await password_changes.ask(world.ctx, "nobody@example.org", HOME)
    await identity.set_active(world.ctx, ada.user.id, False)
    await password_changes.ask(world.ctx, "ada", HOME)
    assert await world.mails() == []


async def test_mails_are_limited_per_account_and_address(world: World) -> None:
    await register(world)
    limit = world.ctx.settings.auth.resets_per_hour
    for n in range(limit):
        await password_changes.ask(world.ctx, "ada", f"198.51.100.{n}")
    # Its owner is refused nothing because of that, but no further mail is sent: the link of the newest works.
    await password_changes.ask(world.ctx, "ADA", "198.51.100.99")
    for n in range(limit):  # nor by another name of the same account
        await password_changes.ask(world.ctx, "ada@example.org", f"198.51.100.{n}")
    assert len(await world.mails()) == limit
    for _ in range(limit):
        await password_changes.ask(world.ctx, "ada", "198.51.100.50")
    await refused(TooMany, password_changes.ask(world.ctx, "ADA", "198.51.100.50"))
    await password_changes.confirm(world.ctx, token_in((await world.mails())[-1]), NEW, HOME)
    for n in range(10 * limit):
        await password_changes.ask(world.ctx, f"guess{n}", HOME)
    await refused(TooMany, password_changes.ask(world.ctx, "somebody", HOME))


async def test_no_editor_of_the_profile_is_disturbed(world: World) -> None:
    ada = await register(world)
    await password_changes.confirm(world.ctx, await reset_token(world), NEW, HOME)
    signed_in = await identity.login(world.ctx, "ada", NEW, HOME)
    await password_changes.change(world.ctx, signed_in.actor, NEW, PASSWORD)
    await identity.end_all_logins(world.ctx, ada.user.id)
    assert (await world.ctx.users.get(ada.user.id)).revision == ada.user.revision
    assert (await identity.set_active(world.ctx, ada.user.id, False)).revision > ada.user.revision


async def test_an_operator_sets_a_password(world: World) -> None:
    ada = await register(world)
    await password_changes.set_password(world.ctx, ada.user.id, NEW)
    assert not await alive(world, ada)
    await identity.login(world.ctx, "ada", NEW, HOME)
    await refused(Invalid, password_changes.set_password(world.ctx, ada.user.id, "short"))


@pytest.mark.parametrize("what", ["password", "address"])
async def test_a_hash_that_was_upgraded_meanwhile_is_no_change_of_the_password(world: World, what: str) -> None:
    ada = await register(world)
    ctx = replace(world.ctx, passwords=HashUpgradedMeanwhile(world, ada.user.id))  # type: ignore[arg-type]
    if what == "password":
        await password_changes.change(ctx, ada.actor, PASSWORD, NEW)
        assert await identity.login(world.ctx, "ada", NEW, HOME)
    else:
        changed = await email_addresses.change(ctx, ada.actor, PASSWORD, "ada@example.com")
        assert changed.email == "ada@example.com"
        assert await identity.login(world.ctx, "ada@example.com", PASSWORD, HOME)
