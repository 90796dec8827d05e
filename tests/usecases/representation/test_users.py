"""People: what others see of them and who may change what."""

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid
from mediaserver.domain.accounts.users import Profile
from mediaserver.usecases.representation import profiles, users
from tests.usecases.world import World


async def test_the_email_is_for_oneself_and_admins(world: World) -> None:
    ada, eve, root = await world.person("ada"), await world.person("eve"), await world.person("root", "admin")
    user = await world.ctx.users.get(ada.user_id)
    seen = ["email" in (await profiles.describe(world.ctx, reader, [user]))[0] for reader in (ada, eve, root)]
    assert seen == [True, False, True]


async def test_people_change_their_profile_but_not_their_role(world: World) -> None:
    ada = await world.person("ada")
    user = await world.ctx.users.get(ada.user_id)
    changed = await users.update(world.ctx, ada, user, {"profile": Profile(bio="Counts.")})
    assert changed.profile.bio == "Counts."
    with pytest.raises(Forbidden) as refused:
        await users.update(world.ctx, ada, user, {"role": "admin", "active": False})
    assert [error.loc for error in refused.value.errors] == ["role", "active"]


async def test_admins_change_roles_but_not_their_own(world: World) -> None:
    ada, root = await world.person("ada"), await world.person("root", "admin")
    user = await world.ctx.users.get(ada.user_id)
    assert (await users.update(world.ctx, root, user, {"role": "instructor"})).role == "instructor"
    with pytest.raises(Conflict):
        await users.update(world.ctx, root, await world.ctx.users.get(root.user_id), {"role": "student"})


async def test_a_picture_is_ones_own_and_the_old_one_is_let_go(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    first, second, foreign = await world.upload(ada), await world.upload(ada), await world.upload(eve)
    text = await world.upload(ada, "text/plain")
    user = await users.update(world.ctx, ada, await world.ctx.users.get(ada.user_id), {"profile_image": first.id})
    for wrong in (foreign.id, text.id, "missing"):
        with pytest.raises(Invalid):
            await users.update(world.ctx, ada, user, {"profile_image": wrong})
    user = await users.update(world.ctx, ada, user, {"profile_image": second.id})
    assert [(await world.ctx.uploads.get(one.id)).used for one in (first, second)] == [False, True]
    wire = (await profiles.describe(world.ctx, eve, [user]))[0]
    assert wire["profileImage"]["id"] == second.id and f"person={eve.user_id}" in wire["profileImage"]["url"]
