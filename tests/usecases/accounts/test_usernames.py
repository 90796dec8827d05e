"""Usernames that people take: not those of others, nor what looks like them; names that are there stay valid."""

import asyncio

import pytest

from mediaserver.base.errors import Conflict, Invalid
from mediaserver.domain.accounts.users import User
from mediaserver.domain.text.lookalikes import skeleton
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.accounts.identity import SignedIn
from mediaserver.usecases.representation import users
from tests.usecases.world import PASSWORD, World

HOME = "192.0.2.7"
_ADDRESSES = iter(range(10_000))


async def register(world: World, name: str) -> SignedIn:
    return await identity.register(world.ctx, name, f"p{next(_ADDRESSES)}@example.org", PASSWORD, HOME)


async def rename(world: World, signed_in: SignedIn, name: str) -> User:
    user = await world.ctx.users.get(signed_in.user.id)
    return await users.update(world.ctx, signed_in.actor, user, {"username": name})


async def from_before(world: World, name: str, reserved: bool = False) -> SignedIn:
    """An account with a name that nobody could take now; `reserved`: another one looks like it already."""
    signed_in = await register(world, f"someone{next(_ADDRESSES)}")
    key = skeleton(name)
    skeletons = {"usernameSkeleton": None if reserved else key, "reservedSkeleton": key if reserved else None}
    stored = {"username": name, "usernameFolded": User.derived({"username": name})["username_folded"]}
    terms = signed_in.user.model_copy(update={"username": name}).search_terms()
    await world.ctx.users.update(signed_in.user.id, set={**stored, **skeletons, **terms})
    return signed_in


@pytest.mark.parametrize("name", ["adm\u3164", "\u0430dm", "a\u0301\u0301bc", "ｆｕｌｌ", "___"])
async def test_a_name_that_deceives_is_refused_at_registration_and_renaming(world: World, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await register(world, name)
    assert [error.loc for error in refused.value.errors] == ["username"]
    with pytest.raises(Invalid):
        await rename(world, await register(world, "eve"), name)


@pytest.mark.parametrize(("taken", "wanted"), [("limes11", "Iimes11"), ("scope", "ѕсоре"), ("modern", "rnodern")])
async def test_a_name_that_looks_like_anothers_is_taken(world: World, taken: str, wanted: str) -> None:
    await register(world, taken)
    with pytest.raises(Conflict) as refused:
        await register(world, wanted)
    with pytest.raises(Conflict) as same:
        await register(world, taken)
    assert (refused.value.code, refused.value.detail) == (same.value.code, same.value.detail)
    assert refused.value.code == "username_taken" and refused.value.errors == same.value.errors
    with pytest.raises(Conflict, match="taken"):
        await rename(world, await register(world, "eve"), wanted)


async def test_of_lookalikes_that_register_at_once_one_gets_the_name(world: World) -> None:
    names = ["limes11", "Iimes11", "lirnes11", "limesll"]
    results = await asyncio.gather(*(register(world, name) for name in names), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 3 + ["SignedIn"]
    refused = [result for result in results if isinstance(result, Conflict)]
    assert {one.code for one in refused} == {"username_taken"}
    assert {error.loc for one in refused for error in one.errors} == {"username"}


async def test_people_may_take_a_name_that_looks_like_their_own(world: World) -> None:
    ada = await register(world, "limes11")
    for name in ("Iimes11", "Limes11", "limesll"):
        assert (await rename(world, ada, name)).username == name
    assert (await rename(world, ada, "ada")).username == "ada"
    await register(world, "limes11")


@pytest.mark.parametrize("name", ["admin", "Admin", "ADMlN", "r00t", "everyone"])
async def test_reserved_names_are_for_the_command_line(world: World, name: str) -> None:
    with pytest.raises(Conflict) as refused:
        await register(world, name)
    assert refused.value.code == "username_taken" and refused.value.errors[0].loc == "username"
    with pytest.raises(Conflict):
        await rename(world, await register(world, "eve"), name)
    made = await identity.create_user(world.ctx, name, f"{name}@example.org", PASSWORD, "admin")
    assert made.username == name


async def test_a_name_is_stored_composed(world: World) -> None:
    assert (await register(world, "Jose\u0301")).user.username == "José"
    for typed in ("José", "jose\u0301"):
        assert (await identity.login(world.ctx, typed, PASSWORD, HOME)).user.username == "José"


@pytest.mark.parametrize("name", ["adm\u3164", "\u0430dm", "admin", "ｆｕｌｌ", "___", "ada."])
async def test_a_name_from_before_stays_valid(world: World, name: str) -> None:
    old = await from_before(world, name)
    assert (await identity.login(world.ctx, name, PASSWORD, HOME)).user.id == old.user.id
    assert (await users.by_name(world.ctx, name)).id == old.user.id
    user = await world.ctx.users.get(old.user.id)
    changed = await users.update(world.ctx, old.actor, user, {"username": name, "skills": []})
    assert changed.username == name


async def test_a_name_that_shares_its_looks_from_before_is_kept_from_everybody_else(world: World) -> None:
    first, second = await register(world, "limes11"), await from_before(world, "Iimes11", reserved=True)
    assert (await rename(world, second, "lirnes11")).username == "lirnes11"
    await rename(world, first, "ada")
    for name in ("limes11", "limesll"):
        with pytest.raises(Conflict, match="taken"):
            await register(world, name)
    assert (await rename(world, second, "eve")).reserved_skeleton is None
    await register(world, "limes11")
