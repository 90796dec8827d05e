"""Represent users with profile, picture, skills and counts; the email only for the user and admins."""

from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases.context import Context
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.uploads import uploads

Wire = dict[str, Any]


async def describe(ctx: Context, reader: Actor, found: Sequence[User]) -> list[Wire]:
    """Return the users as `reader` may see them; `following` says whether the reader follows the user."""
    images = await ctx.uploads.by_ids(user.profile_image for user in found if user.profile_image)
    skills = await expansion.summaries(ctx, "skills", (id for user in found for id in user.skills))
    pairs = {"followerUserId": reader.user_id, "followingUserId": {"$in": [user.id for user in found]}}
    followed = set(await ctx.of(Follow).values(pairs, "followingUserId"))
    wires = [_wire(ctx, reader, user, images) for user in found]
    for user, wire in zip(found, wires, strict=True):
        wire["skills"] = [skills[id] for id in user.skills if id in skills]
        wire["following"] = user.id in followed
    return wires


def _wire(ctx: Context, reader: Actor, user: User, images: Mapping[str, Upload]) -> Wire:
    wire = user.to_wire()
    image = images.get(user.profile_image or "")
    wire["profileImage"] = uploads.describe(ctx, reader, image) if image else None
    if not (reader.is_admin or reader.user_id == user.id):
        for name in ("email", "emailVerified", "pendingEmail"):
            del wire[name]
    return wire
