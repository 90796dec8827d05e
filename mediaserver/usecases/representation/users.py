"""Represent users in lists by name and picture, and update accounts."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.chat_messages import fits
from mediaserver.domain.text.text import fold
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.usecases.accounts import identity, usernames
from mediaserver.usecases.context import Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.events import UserUpdated
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling

Wire = dict[str, Any]
DELETED = "deleted user"
_ADMIN_ONLY = ("role", "active")


async def names(ctx: Context, user_ids: Iterable[str]) -> dict[str, str]:
    """Return usernames by user id; a deleted user is named "deleted user"."""
    wanted = list(set(user_ids))
    found = await ctx.users.fields_of(wanted, ("username",))
    return dict.fromkeys(wanted, DELETED) | {id: user["username"] for id, user in found.items()}


async def people(ctx: Context, user_ids: Iterable[str], unseen: Set[str] = frozenset()) -> dict[str, Wire]:
    """Return `{id, username, profileImage}` by user id; the image is a URL or null.

    Users in `unseen`, which the reader may not see, have no image.
    """
    wanted = list(dict.fromkeys(user_ids))
    found = await ctx.users.fields_of(wanted, ("username", "profileImage"))
    pictures = await ctx.uploads.by_ids(
        user["profileImage"] for id, user in found.items() if user.get("profileImage") and id not in unseen
    )
    return {id: _person(ctx, id, found.get(id), pictures) for id in wanted}


def _person(ctx: Context, id: str, user: Mapping[str, Any] | None, pictures: Mapping[str, Upload]) -> Wire:
    picture = pictures.get(user.get("profileImage") or "") if user else None
    return {
        "id": id,
        "username": user["username"] if user else DELETED,
        "profileImage": uploads.face_url(ctx, picture) if picture else None,
    }


async def by_name(ctx: Context, username: str) -> User:
    """Return the user with this username. Raises: NotFound("user_not_found")."""
    user = await ctx.users.find_one({"usernameFolded": fold(username)})
    if user is None:
        raise NotFound("user_not_found", f"There is no user {username}.")
    return user


async def face(ctx: Context, user_id: str) -> str | None:
    """Return the URL of the user's picture, which is the same for every reader, or None."""
    user = await ctx.users.find_one({"_id": user_id})
    if user is None or user.profile_image is None:
        return None
    image = await ctx.uploads.find_one({"_id": user.profile_image, "status": "ready"})
    return uploads.face_url(ctx, image) if image else None


async def update(ctx: Context, actor: Actor, user: User, fields: Mapping[str, Any]) -> User:
    """Update a user. Only admins may change `role` and `active`.

    Raises: Forbidden or Invalid with an error for every invalid field; Conflict.
    """
    if refused := [name for name in _ADMIN_ONLY if name in fields and not actor.is_admin]:
        faults = [FieldError(name, "can only be changed by admins") for name in refused]
        raise Forbidden("forbidden", "Only admins can change these fields.", faults)
    if actor.user_id == user.id and (fields.get("active") is False or fields.get("role", "admin") != "admin"):
        raise Conflict("own_account", "You cannot remove your own admin rights. Ask another admin.")
    own = {name: value for name, value in fields.items() if name not in _ADMIN_ONLY}
    if "username" in own:
        own |= await usernames.renamed(ctx, user, own["username"])
    faults = await _picture_faults(ctx, user, own.get("profile_image"))
    await references.require(ctx, user.model_copy(update=own), only=own.keys(), besides=faults)
    if faults:
        raise Invalid("invalid", "This picture cannot be used.", faults)
    if "profile_image" in own:
        await _change_picture(ctx, user, own["profile_image"])
    if own:
        user = await settling.change(ctx, user, own)
        ctx.events.publish(UserUpdated(user.id))
    if "role" in fields:
        user = await identity.set_role(ctx, user.id, fields["role"])
    if "active" in fields:
        user = await identity.set_active(ctx, user.id, fields["active"])
    return user


async def _picture_faults(ctx: Context, user: User, upload_id: str | None) -> list[FieldError]:
    if upload_id is None:
        return []
    upload = await ctx.uploads.find_one({"_id": upload_id, "ownerUserId": user.id, "status": "ready"})
    if upload is not None and fits("Image", upload.content_type):
        return []
    return [FieldError("profileImage", "must be the id of an image that this user uploaded")]


async def _change_picture(ctx: Context, user: User, upload_id: str | None) -> None:
    use = Use(kind="profile", id=user.id)
    if upload_id is not None:
        await uploads.mark_used(ctx, upload_id, use)
    if user.profile_image and user.profile_image != upload_id:
        await uploads.release(ctx, user.profile_image, use)
