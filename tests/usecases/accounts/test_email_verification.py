"""Addresses that must be confirmed: by a link and the password, and by one account only."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Gone, Invalid, TooMany, Unauthenticated
from mediaserver.domain.accounts.users import User
from mediaserver.store.mail import MailMessage
from mediaserver.usecases.accounts import (
    email_addresses,
    email_verification,
    identity,
    login_links,
    password_changes,
    unverified_accounts,
)
from mediaserver.usecases.events import LoginRevoked
from mediaserver.usecases.login import tokens
from mediaserver.usecases.representation import users
from tests.usecases.accounts.test_password_changes import alive, refused
from tests.usecases.upgraded_hashes import HashUpgradedMeanwhile
from tests.usecases.world import AUTH, PASSWORD, World, open_world

HOME, ELSEWHERE, THIRD = "192.0.2.7", "198.51.100.7", "203.0.113.7"
ADDRESS = "ada@example.org"
DAY_S = 86400
VERIFYING = AUTH.model_copy(update={"require_verified_email": True, "registrations_per_hour": 1000})


@pytest.fixture
async def world(uri: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(uri, tmp_path, auth=VERIFYING) as world:
        yield world


async def register(
    world: World, name: str = "ada", email: str = ADDRESS, address: str = HOME, password: str = PASSWORD
) -> identity.SignedIn:
    return await identity.register(world.ctx, name, email, password, address)


def link_in(mail: MailMessage) -> str:
    found = re.search(r"/#/verify/(\S+)", mail.text)
    assert found, mail.text
    return found[1]


async def links(world: World, to: str = ADDRESS) -> list[str]:
    """The tokens mailed to an address so far, the newest last."""
    return [link_in(one) for one in await world.mails() if one.to == to and "/#/verify/" in one.text]


async def confirm(world: World, token: str, password: str = PASSWORD) -> identity.SignedIn:
    return await email_verification.verify(world.ctx, token, password, ELSEWHERE, "")


async def confirmed(world: World, name: str = "ada", email: str = ADDRESS, **more: str) -> identity.SignedIn:
    await register(world, name, email, **more)
    return await confirm(world, (await links(world, email))[-1], more.get("password", PASSWORD))


async def stored(world: World, one: identity.SignedIn) -> User:
    return await world.ctx.users.get(one.user.id)


async def test_link_and_password_confirm_the_address_and_end_all_earlier_logins(world: World) -> None:
    ada = await register(world)
    assert not ada.actor.verified and not ada.user.email_verified
    assert not (await identity.authenticate(world.ctx, ada.access_token)).verified
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    (mail,) = await world.mails()
    assert mail.to == ADDRESS and "ada" not in mail.text.replace(mail.to, "").replace(link_in(mail), "")
    again = await confirm(world, link_in(mail))
    assert again.actor.verified and again.user.email_verified and again.user.verify_by is None
    assert not await alive(world, ada) and not await alive(world, phone) and await alive(world, again)
    assert {event.login_id for event in world.happened(LoginRevoked)} == {
        ada.actor.login_id,
        phone.actor.login_id,
    }
    await refused(Unauthenticated, identity.refresh(world.ctx, ada.refresh_token))
    assert (await identity.login(world.ctx, "ADA@example.org", PASSWORD, HOME)).actor.verified


async def test_a_link_works_once(world: World) -> None:
    await register(world)
    (token,) = await links(world)
    await confirm(world, token)
    assert (await refused(Gone, confirm(world, token))).code == "link_over"


async def test_a_link_confirms_while_a_sign_in_upgrades_the_password_hash(world: World) -> None:
    ada = await register(world)
    (token,) = await links(world)
    ctx = replace(world.ctx, passwords=HashUpgradedMeanwhile(world, ada.user.id))  # type: ignore[arg-type]
    again = await email_verification.verify(ctx, token, PASSWORD, ELSEWHERE, "")
    assert again.user.email_verified


async def test_only_the_newest_link_works(world: World) -> None:
    ada = await register(world)
    await email_verification.resend(world.ctx, ada.actor, HOME)
    older, newer = await links(world)
    await refused(Gone, confirm(world, older))
    await confirm(world, newer)


async def test_a_link_expires(world: World) -> None:
    await register(world)
    (token,) = await links(world)
    world.clock.pass_s(world.ctx.settings.auth.verification_ttl_s + 1)
    await refused(Gone, confirm(world, token))


async def test_the_token_is_stored_as_a_hash(world: World) -> None:
    ada = await register(world)
    (token,) = await links(world)
    user = await stored(world, ada)
    assert user.verify_hash == tokens.hash_token(token)
    assert token.partition(".")[2] not in repr(user) + str(user.to_wire())
    assert not {"verifyHash", "verifyUntil", "verifyBy", "emailFolded"} & set(user.to_wire())


async def test_a_link_without_the_password_confirms_nothing_and_guesses_are_limited(world: World) -> None:
    ada = await register(world)
    (token,) = await links(world)
    for _ in range(AUTH.attempts_per_minute):
        assert (await refused(Forbidden, confirm(world, token, "a guess"))).code == "wrong_password"
    await refused(TooMany, confirm(world, token))
    assert not (await stored(world, ada)).email_verified and await alive(world, ada)
    world.clock.pass_s(61)
    await confirm(world, token)


@pytest.mark.parametrize("token", ["", ".", "nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x", "a\x00b", "\ud800.x"])
async def test_made_up_tokens_are_refused_and_counted(world: World, token: str) -> None:
    for _ in range(AUTH.attempts_per_minute):
        await refused(Gone, confirm(world, token))
    await refused(TooMany, confirm(world, token))


async def test_with_the_hash_of_a_token_nobody_confirms(world: World) -> None:
    ada = await register(world)
    (token,) = await links(world)
    await refused(Gone, confirm(world, tokens.hash_token(token)))
    await refused(Gone, confirm(world, f"{ada.user.id}.{tokens.hash_token(token)}"))


async def test_registration_answers_alike_for_known_and_new_addresses(world: World) -> None:
    owner = await confirmed(world)
    known = await register(world, "eve", "ADA@example.org", ELSEWHERE)
    fresh = await register(world, "bob", "new@example.org", ELSEWHERE)

    def shown(one: identity.SignedIn) -> dict[str, object]:
        wire = one.user.to_wire()
        own = ("id", "username", "email", "createdAt", "updatedAt", "joinDate", "lastLogin")
        return {name: value for name, value in wire.items() if name not in own}

    assert shown(known) == shown(fresh) and known.actor.verified is fresh.actor.verified is False
    notice, link = (await world.mails())[-2:]
    assert (notice.to, "/#/verify/" in notice.text) == (owner.user.email, False)
    assert "This email address was entered for another account" in notice.text and "eve" not in notice.text
    assert link.to == "new@example.org"
    assert (await identity.login(world.ctx, ADDRESS, PASSWORD, HOME)).user.id == owner.user.id


async def test_known_and_new_addresses_cost_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash, one mail in the queue and as many operations of the store."""
    await confirmed(world)
    run, hash_, send = world.ctx.repositories.database.run, world.ctx.passwords.hash, world.ctx.mail.send_composed
    done: list[str] = []

    async def counted_run(*given: object, **named: object) -> object:
        done.append("store")
        return await run(*given, **named)  # type: ignore[arg-type]

    async def counted_hash(password: str) -> str:
        done.append("hash")
        return await hash_(password)

    monkeypatch.setattr(world.ctx.repositories.database, "run", counted_run)
    monkeypatch.setattr(world.ctx.passwords, "hash", counted_hash)
    monkeypatch.setattr(world.ctx.mail, "send_composed", lambda make: done.append("mail"))
    costs = []
    for name, email in (("eve", ADDRESS), ("bob", "new@example.org"), ("zoe", "ADA@EXAMPLE.ORG")):
        done.clear()
        await register(world, name, email)
        costs.append(sorted(done))
    assert costs[0] == costs[1] == costs[2] and costs[0].count("hash") == costs[0].count("mail") == 1
    monkeypatch.setattr(world.ctx.mail, "send_composed", send)


async def test_usernames_are_unique_among_all_accounts(world: World) -> None:
    await register(world)
    taken = await refused(Conflict, register(world, "ADA", "other@example.org"))
    assert (taken.code, [fault.loc for fault in taken.errors]) == ("username_taken", ["username"])


async def test_an_unconfirmed_account_does_not_block_the_owner_of_the_address(world: World) -> None:
    squatter = await register(world, "eve", password="the squatter's own")
    owner = await confirmed(world, "ada", address=ELSEWHERE)
    assert owner.user.email_verified and await alive(world, squatter)
    assert (await identity.login(world.ctx, ADDRESS, PASSWORD, HOME)).user.id == owner.user.id
    squatters_link, _ = await links(world)
    taken = await refused(Conflict, confirm(world, squatters_link, "the squatter's own"))
    assert taken.code == "email_taken" and "Another account has confirmed this address" in taken.detail
    assert not (await stored(world, squatter)).email_verified
    # The other account can still have an address of its own.
    moved = await email_addresses.change(world.ctx, squatter.actor, "the squatter's own", "eve@example.org", HOME)
    assert (moved.email, moved.email_verified) == ("eve@example.org", False)
    (token,) = await links(world, "eve@example.org")
    assert (await confirm(world, token, "the squatter's own")).user.email == "eve@example.org"


async def test_of_many_accounts_that_confirm_one_address_at_once_one_does(world: World) -> None:
    for n in range(4):
        await register(world, f"ada{n}", address=f"192.0.2.{n}")
    results = await asyncio.gather(
        *(confirm(world, token) for token in await links(world)), return_exceptions=True
    )
    lost = [one for one in results if isinstance(one, Conflict)]
    assert len(results) - len(lost) == 1 and {one.code for one in lost} == {"email_taken"}
    assert await world.ctx.users.count({"emailVerified": True}) == 1


async def test_of_two_who_use_one_link_at_once_one_does(world: World) -> None:
    await register(world)
    (token,) = await links(world)
    results = await asyncio.gather(confirm(world, token), confirm(world, token), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Gone", "SignedIn"]


async def test_a_link_does_not_confirm_an_address_that_was_given_after_it(world: World) -> None:
    ada = await register(world)
    (token,) = await links(world)
    await email_addresses.change(world.ctx, ada.actor, PASSWORD, "other@example.org", HOME)
    await refused(Gone, confirm(world, token))


async def test_sign_in_by_email_password_links_and_device_links_are_for_confirmed_accounts(world: World) -> None:
    await register(world)
    before = len(await world.mails())
    await refused(Unauthenticated, identity.login(world.ctx, ADDRESS, PASSWORD, HOME))
    for login in ("ada", ADDRESS):
        await password_changes.ask(world.ctx, login, HOME)
        await login_links.ask(world.ctx, login, HOME)
    assert len(await world.mails()) == before


async def test_no_mail_when_an_unconfirmed_account_changes_its_password(world: World) -> None:
    ada = await register(world)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, "a better one")
    assert len(await world.mails()) == 1
    await confirm(world, (await links(world))[-1], "a better one")


async def test_a_change_of_the_address_waits_for_its_confirmation(world: World) -> None:
    ada = await confirmed(world)
    changed = await email_addresses.change(world.ctx, ada.actor, PASSWORD, "countess@example.org", HOME)
    assert (changed.email, changed.pending_email, changed.email_verified) == (
        ADDRESS,
        "countess@example.org",
        True,
    )
    assert (await identity.login(world.ctx, ADDRESS, PASSWORD, HOME)).actor.verified
    notice = [one for one in await world.mails() if one.to == ADDRESS][-1]
    assert notice.subject == "Your email address is about to change" and "countess@example.org" in notice.text
    (token,) = await links(world, "countess@example.org")
    await password_changes.ask(world.ctx, "ada", HOME)
    reset = re.search(r"/#/reset/(\S+)", (await world.mails())[-1].text)
    again = await confirm(world, token)
    assert (again.user.email, again.user.pending_email) == ("countess@example.org", None)
    assert not await alive(world, ada)
    assert (await world.mails())[-1].subject == "Your email address was changed"
    assert (await world.mails())[-1].to == ADDRESS
    await identity.login(world.ctx, "countess@example.org", PASSWORD, HOME)
    await refused(Unauthenticated, identity.login(world.ctx, ADDRESS, PASSWORD, HOME))
    assert reset
    await refused(Gone, password_changes.confirm(world.ctx, reset[1], "a better one", HOME))


async def test_the_present_address_again_takes_a_change_back(world: World) -> None:
    ada = await confirmed(world)
    await email_addresses.change(world.ctx, ada.actor, PASSWORD, "typo@example.org", HOME)
    (token,) = await links(world, "typo@example.org")
    back = await email_addresses.change(world.ctx, ada.actor, PASSWORD, "Ada@example.org", HOME)
    assert (back.email, back.pending_email) == ("Ada@example.org", None)
    await refused(Gone, confirm(world, token))


async def test_a_change_to_a_known_address_looks_like_any_other(world: World) -> None:
    ada, eve = await confirmed(world), await confirmed(world, "eve", "eve@example.org")
    known = await email_addresses.change(world.ctx, eve.actor, PASSWORD, ADDRESS, HOME)
    assert (known.email, known.pending_email) == ("eve@example.org", ADDRESS)
    to_owner = [one for one in await world.mails() if one.to == ADDRESS][-1]
    assert "This email address was entered for another account" in to_owner.text
    assert (await stored(world, ada)).email == ADDRESS


async def test_mails_requested_by_an_account_are_limited(world: World) -> None:
    ada = await register(world)
    for _ in range(AUTH.verification_mails_per_hour):
        await email_verification.resend(world.ctx, ada.actor, HOME)
    await refused(TooMany, email_verification.resend(world.ctx, ada.actor, HOME))
    await refused(TooMany, email_addresses.change(world.ctx, ada.actor, PASSWORD, "victim@example.org", HOME))
    assert not [one for one in await world.mails() if one.to == "victim@example.org"]
    world.clock.pass_s(3601)
    await email_verification.resend(world.ctx, ada.actor, HOME)


async def test_strangers_fill_no_mailbox_and_keep_no_link_from_its_owner(world: World) -> None:
    for n in range(6):
        await register(world, f"eve{n}")
    assert len(await world.mails()) == AUTH.verification_mails_per_hour
    owner = await confirmed(world, address=ELSEWHERE)
    assert owner.user.email_verified
    for n in range(17):
        await register(world, f"mob{n}", address=f"203.0.113.{n}")
    assert len(await world.mails()) == 4 * AUTH.verification_mails_per_hour


async def test_there_is_nothing_to_send_again_once_confirmed(world: World) -> None:
    ada = await confirmed(world)
    assert (
        await refused(Conflict, email_verification.resend(world.ctx, ada.actor, HOME))
    ).code == "email_verified"


async def test_accounts_of_the_command_line_are_confirmed(world: World) -> None:
    root = await identity.create_user(world.ctx, "root", "root@example.org", PASSWORD, "admin")
    assert root.email_verified and (await identity.login(world.ctx, "root", PASSWORD, HOME)).actor.verified
    taken = identity.create_user(world.ctx, "root2", "ROOT@example.org", PASSWORD, "admin")
    assert (await refused(Conflict, taken)).code == "email_taken"
    assert await world.mails() == []


async def test_an_operator_confirms_an_address(world: World) -> None:
    ada = await register(world)
    await email_verification.confirm_by_operator(world.ctx, await stored(world, ada))
    assert not await alive(world, ada)
    assert (await identity.login(world.ctx, ADDRESS, PASSWORD, HOME)).actor.verified
    again = email_verification.confirm_by_operator(world.ctx, await stored(world, ada))
    assert (await refused(Conflict, again)).code == "email_verified"


async def test_accounts_from_before_are_confirmed(world: World) -> None:
    ada = await identity.create_user(world.ctx, "ada", ADDRESS, PASSWORD, "student")
    raw = world.ctx.users.collection
    await raw.update_one({"_id": ada.id}, {"$unset": {"emailVerified": "", "pendingEmail": "", "verifyBy": ""}})
    assert (await identity.login(world.ctx, ADDRESS, PASSWORD, HOME)).actor.verified
    await password_changes.ask(world.ctx, "ada", HOME)
    assert len(await world.mails()) == 1
    await unverified_accounts.expire(world.ctx, world.clock.now)
    assert await world.ctx.users.exists({"_id": ada.id})


async def test_unconfirmed_accounts_expire_and_free_their_names(world: World) -> None:
    ada = await register(world)
    kept = await confirmed(world, "bob", "bob@example.org")
    (token,) = await links(world)
    world.clock.pass_s(7 * DAY_S - 60)
    assert await unverified_accounts.expire(world.ctx, world.clock.now) == 0
    again = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    world.clock.pass_s(120)
    assert await unverified_accounts.expire(world.ctx, world.clock.now) == 1
    assert not await world.ctx.users.exists({"_id": ada.user.id}) and not await alive(world, again)
    assert not await world.ctx.logins.exists({"userId": ada.user.id})
    await refused(Gone, confirm(world, token))
    assert (await register(world, "Ada")).user.username == "Ada"
    assert await world.ctx.users.exists({"_id": kept.user.id})


async def test_of_confirming_and_expiring_at_once_one_happens(world: World) -> None:
    settings = world.ctx.settings
    for n in range(5):
        ada = await register(world, f"ada{n}", f"ada{n}@example.org")
        (token,) = await links(world, f"ada{n}@example.org")
        late = world.clock.now.timestamp() + settings.auth.unverified_ttl_s + 1
        now = world.clock.now.fromtimestamp(late, world.clock.now.tzinfo)
        confirmed_, _ = await asyncio.gather(
            confirm(world, token), unverified_accounts.expire(world.ctx, now), return_exceptions=True
        )
        there = await world.ctx.users.find_one({"_id": ada.user.id})
        if isinstance(confirmed_, identity.SignedIn):
            assert there is not None and there.active and there.email_verified
        else:
            assert isinstance(confirmed_, Gone) and there is None


async def test_while_it_is_not_required_nothing_expires_and_all_may_write(world: World) -> None:
    ada = await register(world)
    off = world.ctx.settings.model_copy(update={"auth": AUTH})
    object.__setattr__(world.ctx, "settings", off)
    assert (await identity.authenticate(world.ctx, ada.access_token)).verified
    world.clock.pass_s(30 * DAY_S)
    assert await unverified_accounts.expire(world.ctx, world.clock.now) == 0
    user = await stored(world, ada)
    assert user.verify_by is not None and (user.verify_by - world.clock.now).total_seconds() == 7 * DAY_S
    again = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    changed = await email_addresses.change(world.ctx, again.actor, PASSWORD, "new@example.org", HOME)
    assert changed.email_verified and changed.verify_by is None
    await identity.login(world.ctx, "new@example.org", PASSWORD, HOME)


async def test_a_new_name_or_profile_leaves_the_address_unconfirmed(world: World) -> None:
    ada = await register(world)
    renamed = await users.update(world.ctx, ada.actor, await stored(world, ada), {"username": "countess"})
    assert not renamed.email_verified and not (await stored(world, ada)).email_folded.startswith("ada@")


async def test_the_address_is_not_the_password(world: World) -> None:
    bad = await refused(Invalid, register(world, password="Ada@Example.org"))
    assert [fault.loc for fault in bad.errors] == ["password"]
