"""A sign-in that upgrades a stored password hash while another request checks the same password."""

from typing import Any

from tests.usecases.world import PASSWORD, World


class HashUpgradedMeanwhile:
    """Password checks during which another sign-in stores a stronger hash of the same password."""

    def __init__(self, world: World, user_id: str) -> None:
        self._world, self._user_id, self._passwords = world, user_id, world.ctx.passwords

    def __getattr__(self, name: str) -> Any:
        return getattr(self._passwords, name)

    async def matches(self, stored: str | None, password: str) -> bool:
        found = await self._passwords.matches(stored, password)
        stronger = await self._passwords.hash(PASSWORD)
        await self._world.ctx.users.update_one(
            {"_id": self._user_id}, set={"passwordHash": stronger}, edits=False
        )
        return found
