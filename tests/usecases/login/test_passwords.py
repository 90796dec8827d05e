"""Which passwords are refused because everybody tries them, and hashes that follow the settings."""

import pytest
from argon2 import PasswordHasher

from mediaserver.base.errors import Invalid, Unauthenticated
from mediaserver.base.settings.tree import Auth
from mediaserver.usecases.accounts import identity, password_changes
from mediaserver.usecases.login.common_passwords import is_common
from mediaserver.usecases.login.passwords import Passwords
from tests.usecases.accounts.test_password_changes import HOME, refused, register, reset_token
from tests.usecases.world import PASSWORD, World

COMMON = [
    "password1",
    "PassWord1",
    "QWERTYUIOP",
    "1q2w3e4r",
    "iloveyou",
    " password ",
    "ｐａｓｓｗｏｒｄ",
    "starwars",
]


@pytest.mark.parametrize("password", COMMON)
def test_common_passwords_are_known_in_any_case(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", [PASSWORD, "password of the day", "loadtest-password", "pass\u00adword", ""])
def test_other_passwords_are_not_common(password: str) -> None:
    assert not is_common(password)


async def test_a_common_password_is_refused_wherever_one_is_chosen(world: World) -> None:
    for make in (
        identity.register(world.ctx, "eve", "eve@example.org", "Password1", HOME),
        identity.create_user(world.ctx, "eve", "eve@example.org", "Password1", "admin"),
    ):
        fault = (await refused(Invalid, make)).errors[0]
        assert fault.loc == "password" and "most common passwords" in fault.msg
    ada = await register(world)
    change = await refused(Invalid, password_changes.change(world.ctx, ada.actor, PASSWORD, "Password1"))
    assert change.errors[0].loc == "newPassword"
    await refused(Invalid, password_changes.set_password(world.ctx, ada.user.id, "Password1"))
    token = await reset_token(world)
    await refused(Invalid, password_changes.confirm(world.ctx, token, "Password1", HOME))
    await password_changes.confirm(world.ctx, token, "a better one", HOME)  # the link was not used up


async def test_who_has_a_common_password_already_signs_in_with_it(world: World) -> None:
    ada = await register(world)
    stored = await world.ctx.passwords.hash("password1")
    await world.ctx.users.update(ada.user.id, set={"passwordHash": stored})
    await identity.login(world.ctx, "ada", "password1", HOME)


async def stored_hash(world: World, user_id: str) -> str:
    return (await world.ctx.users.get(user_id)).password_hash


async def hashed_with(world: World, user_id: str, time_cost: int, memory_kib: int) -> str:
    """Store a hash of the person's password with these parameters; return it."""
    other = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1).hash(PASSWORD)
    await world.ctx.users.update(user_id, set={"passwordHash": other})
    return other


async def test_signing_in_hashes_anew_after_the_parameters_changed(world: World) -> None:
    ada = await register(world)
    stronger = Passwords(Auth(argon2_time_cost=2, argon2_memory_kib=64))
    object.__setattr__(world.ctx, "passwords", stronger)
    revision = (await world.ctx.users.get(ada.user.id)).revision
    await refused(Unauthenticated, identity.login(world.ctx, "ada", "wrong", HOME))
    assert "m=8,t=1," in await stored_hash(world, ada.user.id)
    await identity.login(world.ctx, "ada", PASSWORD, HOME)
    upgraded = await stored_hash(world, ada.user.id)
    assert "m=64,t=2," in upgraded
    await identity.login(world.ctx, "ada", PASSWORD, HOME)
    assert await stored_hash(world, ada.user.id) == upgraded
    user = await world.ctx.users.get(ada.user.id)
    assert user.revision == revision and user.login_epoch == 0
    await identity.refresh(world.ctx, ada.refresh_token)
    stronger.close()


async def test_a_hash_that_costs_more_than_the_settings_say_stays(world: World) -> None:
    ada = await register(world)
    strong = await hashed_with(world, ada.user.id, 3, 1024)
    await identity.login(world.ctx, "ada", PASSWORD, HOME)
    assert await stored_hash(world, ada.user.id) == strong


async def test_a_new_password_that_is_set_during_the_sign_in_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await register(world)
    await hashed_with(world, ada.user.id, 1, 8)
    stronger = Passwords(Auth(argon2_time_cost=2, argon2_memory_kib=64))
    object.__setattr__(world.ctx, "passwords", stronger)
    changed, hash_ = await stronger.hash("a better one"), stronger.hash

    async def meanwhile(password: str) -> str:
        await world.ctx.users.update(ada.user.id, set={"passwordHash": changed}, inc={"loginEpoch": 1})
        return await hash_(password)

    monkeypatch.setattr(stronger, "hash", meanwhile)
    await refused(Unauthenticated, identity.login(world.ctx, "ada", PASSWORD, HOME))
    assert await stored_hash(world, ada.user.id) == changed
    stronger.close()
