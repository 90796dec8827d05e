"""Identity: who may sign in, for how long, and what ends it."""

import asyncio

import pytest

from mediaserver.base.errors import Conflict, Forbidden, TooMany, Unauthenticated
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.events import LoginRevoked, RoleChanged, UserDeactivated
from mediaserver.usecases.login import tokens
from tests.usecases.world import AUTH, PASSWORD, World

HOME = "192.0.2.7"


async def register(world: World, name: str = "Ada") -> identity.SignedIn:
    return await identity.register(world.ctx, name, f"{name}@example.org", PASSWORD, HOME)


async def test_who_registers_is_a_student_and_signed_in(world: World) -> None:
    signed_in = await register(world)
    assert signed_in.user.role == "student"
    actor = await identity.authenticate(world.ctx, signed_in.access_token)
    assert (actor.user_id, actor.username, actor.role) == (signed_in.user.id, "Ada", "student")


async def test_the_password_is_stored_as_argon2id_only(world: World) -> None:
    signed_in = await register(world)
    stored = await world.ctx.users.get(signed_in.user.id)
    assert stored.password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(stored) and "passwordHash" not in stored.to_wire()


async def test_names_are_taken_without_regard_to_case(world: World) -> None:
    await register(world)
    with pytest.raises(Conflict) as taken:
        await identity.register(world.ctx, "ADA", "ada@EXAMPLE.org", PASSWORD, HOME)
    assert taken.value.code == "username_taken"
    assert [error.loc for error in taken.value.errors] == ["username", "email"]


async def test_of_many_who_register_one_name_at_once_one_gets_it(world: World) -> None:
    tries = (identity.register(world.ctx, "Ada", f"ada{n}@example.org", PASSWORD, HOME) for n in range(8))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 7 + ["SignedIn"]
    assert {result.code for result in results if isinstance(result, Conflict)} == {"username_taken"}


@pytest.mark.parametrize("name", ["ada", "ADA", " Ada ", "ada@example.org", "ADA@Example.ORG"])
async def test_sign_in_by_username_or_email_in_any_case(world: World, name: str) -> None:
    registered = await register(world)
    assert (await identity.login(world.ctx, name, PASSWORD, HOME)).user.id == registered.user.id


async def test_a_wrong_password_and_an_unknown_name_look_the_same(world: World) -> None:
    await register(world)
    with pytest.raises(Unauthenticated) as wrong:
        await identity.login(world.ctx, "ada", "wrong", HOME)
    with pytest.raises(Unauthenticated) as unknown:
        await identity.login(world.ctx, "nobody", "wrong", HOME)
    assert (wrong.value.code, wrong.value.detail) == (unknown.value.code, unknown.value.detail)


async def test_guesses_made_at_once_are_hardly_more_than_one_by_one(world: World) -> None:
    await register(world)
    guesses = (identity.login(world.ctx, "ada", f"guess {n}", HOME) for n in range(40))
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(result, Unauthenticated) for result in results) <= 7
    assert all(isinstance(result, (Unauthenticated, TooMany)) for result in results)


async def test_signing_in_with_the_right_password_is_limited(world: World) -> None:
    await register(world)
    for _ in range(AUTH.sign_ins_per_minute):
        await identity.login(world.ctx, "ada", PASSWORD, HOME)
    with pytest.raises(TooMany):
        await identity.login(world.ctx, "ada", PASSWORD, HOME)


async def test_new_accounts_from_one_address_are_limited(world: World) -> None:
    for n in range(AUTH.registrations_per_hour):
        await register(world, f"person{n}")
    with pytest.raises(TooMany):
        await register(world, "onemore")


async def test_refresh_tokens_rotate(world: World) -> None:
    first = await register(world)
    second = await identity.refresh(world.ctx, first.refresh_token)
    third = await identity.refresh(world.ctx, second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert (await identity.authenticate(world.ctx, third.access_token)).login_id == first.actor.login_id


async def test_a_lost_answer_is_made_up_for_by_asking_again(world: World) -> None:
    first = await register(world)
    lost = await identity.refresh(world.ctx, first.refresh_token)
    world.clock.pass_s(30)
    also_lost = await identity.refresh(world.ctx, first.refresh_token)
    world.clock.pass_s(29)
    arrived = await identity.refresh(world.ctx, first.refresh_token)
    assert len({lost.refresh_token, also_lost.refresh_token, arrived.refresh_token}) == 3
    following = await identity.refresh(world.ctx, arrived.refresh_token)
    assert (await identity.authenticate(world.ctx, following.access_token)).login_id == first.actor.login_id
    assert world.happened(LoginRevoked) == []


async def test_a_refresh_token_that_comes_again_after_a_minute_ends_the_login(world: World) -> None:
    first = await register(world)
    await identity.refresh(world.ctx, first.refresh_token)
    world.clock.pass_s(30)
    second = await identity.refresh(world.ctx, first.refresh_token)  # does not prolong the minute
    world.clock.pass_s(30)
    await refused_as_reused(world, first, first.refresh_token)
    for token in (first.access_token, second.access_token):
        with pytest.raises(Unauthenticated):
            await identity.authenticate(world.ctx, token)
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, second.refresh_token)


async def test_a_refresh_token_whose_successor_was_used_ends_the_login(world: World) -> None:
    first = await register(world)
    second = await identity.refresh(world.ctx, first.refresh_token)
    third = await identity.refresh(world.ctx, second.refresh_token)
    await refused_as_reused(world, first, first.refresh_token)
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, third.refresh_token)


async def test_a_void_successor_that_comes_after_all_ends_the_login(world: World) -> None:
    """Somebody else asked again: the thief or the owner, whoever holds the void one shows it."""
    first = await register(world)
    owners = await identity.refresh(world.ctx, first.refresh_token)
    thiefs = await identity.refresh(world.ctx, first.refresh_token)
    await refused_as_reused(world, first, owners.refresh_token)
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, thiefs.refresh_token)


async def test_of_refreshes_at_once_one_successor_is_good(world: World) -> None:
    first = await register(world)
    results = await asyncio.gather(*(identity.refresh(world.ctx, first.refresh_token) for _ in range(5)))
    newest = (await world.ctx.logins.get(first.actor.login_id)).token_hash
    assert [tokens.hash_token(one.refresh_token) for one in results].count(newest) == 1
    assert len({one.refresh_token for one in results}) == 5


async def test_signing_out_works_also_when_the_last_refresh_was_not_answered(world: World) -> None:
    ada = await register(world)
    await identity.refresh(world.ctx, ada.refresh_token)
    await identity.logout(world.ctx, ada.refresh_token)
    assert world.happened(LoginRevoked) == [LoginRevoked(ada.user.id, ada.actor.login_id)]


@pytest.mark.parametrize("rest", ["garbage", "", "x" * 43, "x" * 43 + "." + "y" * 22, "\ud800", "é.ü"])
async def test_garbage_with_the_id_of_a_login_ends_nothing(world: World, rest: str) -> None:
    ada = await register(world)
    with pytest.raises(Unauthenticated) as refused:
        await identity.refresh(world.ctx, f"{ada.actor.login_id}.{rest}")
    assert refused.value.code == "bad_refresh_token" and world.happened(LoginRevoked) == []
    await identity.logout(world.ctx, f"{ada.actor.login_id}.{rest}")
    await identity.refresh(world.ctx, ada.refresh_token)


async def test_the_token_of_one_login_proves_nothing_about_another(world: World) -> None:
    ada, eve = await register(world), await register(world, "Eve")
    await identity.refresh(world.ctx, eve.refresh_token)
    forged = eve.refresh_token.replace(eve.actor.login_id, ada.actor.login_id)
    with pytest.raises(Unauthenticated) as refused:
        await identity.refresh(world.ctx, forged)
    assert refused.value.code == "bad_refresh_token" and world.happened(LoginRevoked) == []


async def test_without_the_secret_nobody_learns_that_an_account_is_deactivated(world: World) -> None:
    ada = await register(world)
    await identity.set_active(world.ctx, ada.user.id, False)
    for token, code in (
        (f"{ada.actor.login_id}.garbage", "bad_refresh_token"),
        (ada.refresh_token, "deactivated"),
    ):
        with pytest.raises(Unauthenticated) as refused:
            await identity.refresh(world.ctx, token)
        assert refused.value.code == code


async def test_tokens_from_before_they_had_a_mac_work_once_more_and_are_replaced(world: World) -> None:
    ada = await register(world)
    old, old_hash = tokens.new_token(ada.actor.login_id)
    await world.ctx.logins.update(ada.actor.login_id, set={"tokenHash": old_hash})
    second = await identity.refresh(world.ctx, old)
    third = await identity.refresh(world.ctx, second.refresh_token)
    with pytest.raises(Unauthenticated) as forgotten:
        await identity.refresh(world.ctx, old)
    assert forgotten.value.code == "bad_refresh_token"
    await identity.refresh(world.ctx, third.refresh_token)
    await refused_as_reused(world, ada, second.refresh_token)


async def refused_as_reused(world: World, signed_in: identity.SignedIn, token: str) -> None:
    with pytest.raises(Unauthenticated) as reused:
        await identity.refresh(world.ctx, token)
    assert reused.value.code == "refresh_token_reused"
    assert world.happened(LoginRevoked) == [LoginRevoked(signed_in.user.id, signed_in.actor.login_id)]


@pytest.mark.parametrize("token", ["", ".", "nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x", "a\x00b", "\ud800.x"])
async def test_a_made_up_refresh_token_is_refused(world: World, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, token)
    await identity.logout(world.ctx, token)


async def test_logout_ends_this_login_only(world: World) -> None:
    phone = await register(world)
    laptop = await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await identity.authenticate(world.ctx, phone.access_token)
    await identity.logout(world.ctx, phone.refresh_token)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, phone.access_token)
    await identity.authenticate(world.ctx, laptop.access_token)
    assert [event.login_id for event in world.happened(LoginRevoked)] == [phone.actor.login_id]


async def test_access_tokens_expire(world: World) -> None:
    signed_in = await register(world)
    await identity.authenticate(world.ctx, signed_in.access_token)
    world.clock.pass_s(world.ctx.settings.auth.access_ttl_s)
    with pytest.raises(Unauthenticated) as expired:
        await identity.authenticate(world.ctx, signed_in.access_token)
    assert expired.value.code == "token_expired"


async def test_a_login_that_is_not_used_ends(world: World) -> None:
    signed_in = await register(world)
    world.clock.pass_s(world.ctx.settings.auth.refresh_ttl_s)
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, signed_in.refresh_token)


async def test_an_altered_access_token_is_refused(world: World) -> None:
    token = (await register(world)).access_token
    head, body, signature = token.split(".")
    for forged in (
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{signature}",
        token[:-3],
        "x",
        "",
        "a.b.c",
        "\ud800",
    ):
        with pytest.raises(Unauthenticated):
            await identity.authenticate(world.ctx, forged)


async def test_a_deactivated_person_is_out_at_once_and_stays_out(world: World) -> None:
    signed_in = await register(world)
    await identity.authenticate(world.ctx, signed_in.access_token)
    await identity.set_active(world.ctx, signed_in.user.id, False)
    assert world.happened(UserDeactivated) == [UserDeactivated(signed_in.user.id)]
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, signed_in.access_token)
    with pytest.raises(Unauthenticated):
        await identity.refresh(world.ctx, signed_in.refresh_token)
    with pytest.raises(Forbidden):
        await identity.login(world.ctx, "ada", PASSWORD, HOME)
    await identity.set_active(world.ctx, signed_in.user.id, True)
    await identity.login(world.ctx, "ada", PASSWORD, HOME)


async def test_a_change_made_by_another_process_holds_within_half_a_minute(world: World) -> None:
    signed_in = await register(world)
    await identity.authenticate(world.ctx, signed_in.access_token)
    await world.ctx.users.update(signed_in.user.id, set={"active": False})
    world.clock.pass_s(30)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(world.ctx, signed_in.access_token)


async def test_a_changed_role_holds_for_tokens_already_given(world: World) -> None:
    signed_in = await register(world)
    assert not (await identity.authenticate(world.ctx, signed_in.access_token)).is_admin
    await identity.set_role(world.ctx, signed_in.user.id, "admin")
    assert (await identity.authenticate(world.ctx, signed_in.access_token)).is_admin
    assert world.happened(RoleChanged) == [RoleChanged(signed_in.user.id, "admin")]
