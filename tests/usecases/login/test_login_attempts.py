"""Guesses at passwords are delayed and bounded; strangers lock neither known devices nor the mailed way in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediaserver.base.errors import Gone, NotFound, Problem, TooMany, Unauthenticated
from mediaserver.domain.accounts.devices import KnownDevice
from mediaserver.usecases.accounts import identity, login_links, logins, password_changes
from mediaserver.usecases.login import devices, login_attempts
from tests.usecases.world import AUTH, PASSWORD, World, open_world

HOME, AWAY = "192.0.2.7", "203.0.113.9"


async def register(world: World, name: str = "Ada") -> identity.SignedIn:
    return await identity.register(world.ctx, name, f"{name}@example.org", PASSWORD, HOME)


async def refusal(world: World, name: str, address: str, token: str = "", password: str = "wrong") -> Problem:
    with pytest.raises(Problem) as refused:
        await identity.login(world.ctx, name, password, address, "", token)
    return refused.value


@pytest.fixture
async def strict(uri: str, tmp_path: Path) -> AsyncIterator[World]:
    """Bounds that a test reaches."""
    few = AUTH.model_copy(update={"account_failures_per_hour": 10, "address_failures_per_hour": 8})
    async with open_world(uri, tmp_path, auth=few) as world:
        yield world


async def lock(world: World, name: str = "ada") -> None:
    """Strangers at many addresses try passwords until unknown devices must be confirmed."""
    for n in range(10):
        assert (await refusal(world, name, f"198.51.100.{n}")).code == "wrong_login"


@pytest.mark.parametrize(
    ("failures", "expected_s"), [(0, 0), (4, 0), (5, 2), (6, 4), (9, 32), (12, 256), (13, 300), (10**6, 300)]
)
def test_delays_double_up_to_the_longest(failures: int, expected_s: float) -> None:
    assert login_attempts.delay_s(failures, 5, 300) == expected_s


def test_names_without_an_account_share_a_bounded_number_of_keys() -> None:
    key = b"k" * 32
    assert len({login_attempts.account_key(key, f"name{n}", exists=False) for n in range(50_000)}) <= 1 << 14
    assert len({login_attempts.account_key(key, f"name{n}", exists=True) for n in range(5_000)}) == 5_000
    assert login_attempts.account_key(b"l" * 32, "a", False) != login_attempts.account_key(key, "a", False)


async def test_guesses_from_one_address_wait_longer_and_longer(world: World) -> None:
    await register(world)
    for _ in range(5):
        assert (await refusal(world, "ada", AWAY)).code == "wrong_login"
    for wait_s in (2, 4, 8):
        refused = await refusal(world, "ada", AWAY, password=PASSWORD)
        assert isinstance(refused, TooMany) and refused.code == "too_many" and refused.retry_after_s == wait_s
        world.clock.pass_s(wait_s)
        assert (await refusal(world, "ada", AWAY)).code == "wrong_login"
    await identity.login(world.ctx, "ada", PASSWORD, HOME)  # from elsewhere nobody waits
    world.clock.pass_s(16)
    await identity.login(world.ctx, "ada", PASSWORD, AWAY)


async def test_addresses_of_one_ipv6_network_are_one(world: World) -> None:
    await register(world)
    for n in range(5):
        assert (await refusal(world, "ada", f"2001:db8::{n}")).code == "wrong_login"
    assert (await refusal(world, "ada", "2001:db8::ffff")).code == "too_many"
    assert (await refusal(world, "ada", "2001:db8:0:1::1")).code == "wrong_login"


async def test_guesses_from_one_address_are_limited_over_all_accounts(strict: World) -> None:
    ada = await register(strict)
    assert ada.device_token
    for n in range(8):
        assert (await refusal(strict, f"guess{n}", HOME)).code == "wrong_login"
    assert (await refusal(strict, "ada", HOME, password=PASSWORD)).code == "too_many"
    await identity.login(strict.ctx, "ada", PASSWORD, HOME, "", ada.device_token)
    await identity.login(strict.ctx, "ada", PASSWORD, AWAY)


async def test_signing_in_counts_for_no_limit_of_failures(strict: World) -> None:
    for n in range(12):
        await register(strict, f"person{n}")
        await identity.login(strict.ctx, f"person{n}", PASSWORD, HOME)
    await identity.login(strict.ctx, "person1", PASSWORD, HOME)


async def test_strangers_lock_out_unknown_devices_only(strict: World) -> None:
    ada = await register(strict)
    assert ada.device_token
    await lock(strict)
    refused = await refusal(strict, "ada", AWAY, password=PASSWORD)
    assert (
        isinstance(refused, TooMany) and refused.code == "confirmation_required" and refused.retry_after_s > 3000
    )
    again = await identity.login(strict.ctx, "ada", PASSWORD, AWAY, "", ada.device_token)
    assert again.device_token is None, "it has one"
    strict.clock.pass_s(3600)
    await identity.login(strict.ctx, "ada", PASSWORD, AWAY)


async def test_a_name_without_an_account_is_refused_in_the_same_way(strict: World) -> None:
    await register(strict)
    await lock(strict)
    await lock(strict, "nobody")
    known, unknown = [await refusal(strict, name, AWAY) for name in ("ada", "nobody")]
    assert (known.code, known.detail) == (unknown.code, unknown.detail)
    for name in ("ada@example.org", "nobody@example.org"):
        assert (await refusal(strict, name, AWAY)).code == "wrong_login", "two names of one account are not told"


async def test_refused_tries_hash_nothing(strict: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await register(strict)
    await lock(strict)
    monkeypatch.setattr(strict.ctx.passwords, "matches", None)
    assert (await refusal(strict, "ada", AWAY)).code == "confirmation_required"


async def link_token(world: World, login: str = "ada") -> str:
    await login_links.ask(world.ctx, login, AWAY)
    mail = (await world.mails())[-1]
    assert mail.subject == "Confirm your device for Mediaserver" and mail.to == "Ada@example.org"
    return mail.text.partition("/#/device/")[2].split()[0]


async def test_a_mailed_link_makes_a_new_device_known(strict: World) -> None:
    ada = await register(strict)
    await lock(strict)
    token = await link_token(strict)
    user, device_token = await login_links.confirm(strict.ctx, token, AWAY, "Phone")
    assert user.id == ada.user.id
    await identity.login(strict.ctx, "ada", PASSWORD, AWAY, "Phone", device_token)
    with pytest.raises(Gone):
        await login_links.confirm(strict.ctx, token, AWAY, "Phone")
    stored = await strict.ctx.users.get(ada.user.id)
    assert token not in repr(stored.to_mongo()) and not {"deviceLinkHash", "deviceLinkUntil"} & set(
        stored.to_wire()
    )


async def test_a_link_ends_after_an_hour_with_a_newer_one_and_with_another_password(world: World) -> None:
    ada = await register(world)
    first, second = await link_token(world), await link_token(world)
    world.clock.pass_s(3599)
    third = await link_token(world)
    await password_changes.change(world.ctx, ada.actor, PASSWORD, "a better one")
    fourth_user = await world.ctx.users.get(ada.user.id)
    assert fourth_user.device_link_hash is None
    for token in (first, second, third):
        with pytest.raises(Gone):
            await login_links.confirm(world.ctx, token, AWAY, "")
    fourth = await link_token_after(world)
    world.clock.pass_s(3600)
    with pytest.raises(Gone):
        await login_links.confirm(world.ctx, fourth, AWAY, "")


async def link_token_after(world: World) -> str:
    world.clock.pass_s(3600)
    return await link_token(world)


async def test_links_are_limited_for_each_account_and_never_refused_to_its_owner(world: World) -> None:
    await register(world)
    limit = world.ctx.settings.auth.login_links_per_hour
    for n in range(2 * limit):
        await login_links.ask(world.ctx, "ada", f"198.51.100.{n}")
    await login_links.ask(world.ctx, "nobody", AWAY)
    mails = await world.mails()
    assert len(mails) == limit
    token = mails[-1].text.partition("/#/device/")[2].split()[0]
    await login_links.confirm(world.ctx, token, AWAY, "")  # that strangers asked for it does not matter
    for n in range(10 * limit - 1):
        await login_links.ask(world.ctx, f"guess{n}", AWAY)
    with pytest.raises(TooMany):
        await login_links.ask(world.ctx, "ada", AWAY)


@pytest.mark.parametrize("token", ["", ".", "nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x", "a\x00b", "\ud800.x"])
async def test_a_made_up_link_is_refused_and_made_up_device_tokens_mean_nothing(world: World, token: str) -> None:
    await register(world)
    for _ in range(5):
        with pytest.raises(Gone):
            await login_links.confirm(world.ctx, token, AWAY, "")
    with pytest.raises(TooMany):
        await login_links.confirm(world.ctx, token, AWAY, "")
    await login_links.confirm(world.ctx, await link_token(world), AWAY, "")
    assert (await identity.login(world.ctx, "ada", PASSWORD, HOME, "", token)).device_token


async def test_a_stolen_device_token_gives_few_guesses(world: World) -> None:
    ada = await register(world)
    assert ada.device_token
    tried = 0
    for _ in range(40):
        refused = await refusal(world, "ada", AWAY, ada.device_token)
        if isinstance(refused, TooMany):
            world.clock.pass_s(refused.retry_after_s)
        else:
            tried += 1
        if not await world.ctx.of(KnownDevice).exists({"userId": ada.user.id}):
            break
    assert tried == login_attempts.DEVICE_GUESSES_A_DAY


async def test_the_device_token_of_one_account_means_nothing_to_another(strict: World) -> None:
    await register(strict)
    eve = await register(strict, "Eve")
    assert eve.device_token
    await lock(strict)
    assert (await refusal(strict, "ada", AWAY, eve.device_token)).code == "confirmation_required"


async def known(world: World, who: identity.SignedIn) -> list[str]:
    return [device.user_agent for device in (await devices.page(world.ctx, who.actor, 20, None)).items]


async def test_a_person_sees_and_forgets_their_devices(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME, "Laptop")
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME, "Phone")
    eve = await register(world, "Eve")
    assert await known(world, laptop) == ["Phone", "Laptop"]
    (newest, _) = (await devices.page(world.ctx, laptop.actor, 20, None)).items
    with pytest.raises(NotFound):
        await logins.forget_device(world.ctx, eve.actor, newest.id)
    await logins.forget_device(world.ctx, laptop.actor, newest.id)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, phone.access_token)
    assert await known(world, laptop) == ["Laptop"]
    assert not {"tokenHash", "epoch"} & set(newest.to_wire())


async def test_ending_the_login_of_a_lost_device_forgets_it_and_signing_out_does_not(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME, "Laptop")
    phone = await identity.login(world.ctx, "ada", PASSWORD, HOME, "Phone")
    await identity.logout(world.ctx, phone.refresh_token)
    assert phone.device_token
    back = await identity.login(world.ctx, "ada", PASSWORD, HOME, "Phone", phone.device_token)
    assert await known(world, laptop) == ["Phone", "Laptop"]
    await logins.end(world.ctx, laptop.actor, back.actor.login_id)
    assert await known(world, laptop) == ["Laptop"]


async def test_what_ends_all_logins_makes_all_devices_unknown_but_the_one_that_changes_the_password(
    world: World,
) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME, "Laptop")
    await identity.login(world.ctx, "ada", PASSWORD, HOME, "Phone")
    await password_changes.change(world.ctx, laptop.actor, PASSWORD, "a better one")
    assert await known(world, laptop) == ["Laptop"]
    await identity.end_all_logins(world.ctx, laptop.user.id)
    assert await known(world, laptop) == []
    assert laptop.device_token
    signed_in = await identity.login(world.ctx, "ada", "a better one", HOME, "Laptop", laptop.device_token)
    assert signed_in.device_token, "the old one is good for nothing any more"


async def test_another_password_lets_unknown_devices_in_again(strict: World) -> None:
    await register(strict)
    await lock(strict)
    await password_changes.ask(strict.ctx, "ada", AWAY)
    token = (await strict.mails())[-1].text.partition("/#/reset/")[2].split()[0]
    await password_changes.confirm(strict.ctx, token, "a better one", AWAY)
    await identity.login(strict.ctx, "ada", "a better one", AWAY)
    for n in range(10):
        assert (await refusal(strict, "ada", f"198.51.100.{n}")).code == "wrong_login", "counted anew"
    assert (await refusal(strict, "ada", AWAY)).code == "confirmation_required"


async def test_an_account_knows_a_bounded_number_of_devices_and_keeps_those_in_use(world: World) -> None:
    laptop = await identity.register(world.ctx, "Ada", "ada@example.org", PASSWORD, HOME, "Laptop")
    assert laptop.device_token
    world.clock.pass_s(1)
    await identity.login(world.ctx, "ada", PASSWORD, HOME, "Laptop", laptop.device_token)
    for n in range(devices.MAX_PER_ACCOUNT + 2):
        world.clock.pass_s(1)
        await identity.login(world.ctx, "ada", PASSWORD, HOME, f"Script {n}")
    found = await known(world, laptop)
    assert len(found) == devices.MAX_PER_ACCOUNT and "Laptop" in found and found[0] == "Script 21"


async def test_a_device_that_does_not_sign_in_is_forgotten(world: World) -> None:
    ada = await register(world)
    assert ada.device_token
    world.clock.pass_s(world.ctx.settings.auth.device_ttl_s)
    assert await known(world, ada) == []
    assert (await identity.login(world.ctx, "ada", PASSWORD, HOME, "", ada.device_token)).device_token


async def test_logins_from_before_devices_were_known_get_one_when_they_refresh(world: World) -> None:
    ada = await register(world)
    await world.ctx.of(KnownDevice).delete_many({"userId": ada.user.id})
    await world.ctx.logins.update(ada.actor.login_id, unset=["deviceId"])
    await world.ctx.users.update(ada.user.id, unset=["deviceLinkHash", "deviceLinkUntil"])
    second = await identity.refresh(world.ctx, ada.refresh_token)
    assert second.device_token
    assert (await identity.refresh(world.ctx, second.refresh_token)).device_token is None
    again = await identity.login(world.ctx, "ada", PASSWORD, HOME, "", second.device_token)
    assert again.device_token is None


async def test_a_guessed_password_of_a_stolen_login_does_not_hinder_its_owner(world: World) -> None:
    thief = await register(world)
    for _ in range(5):
        with pytest.raises(Problem):
            await password_changes.change(world.ctx, thief.actor, "wrong one", "a better one")
    with pytest.raises(TooMany):
        await password_changes.change(world.ctx, thief.actor, PASSWORD, "a better one")
    owner = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await password_changes.change(world.ctx, owner.actor, PASSWORD, "a better one")
