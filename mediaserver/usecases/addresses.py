"""Another email address: changed by who knows the password, since letters for a new password go there."""

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.actor import Actor
from mediaserver.domain.users import User
from mediaserver.usecases import identity, letters
from mediaserver.usecases.context import Context, stored_names


async def change(ctx: Context, actor: Actor, password: str, email: str) -> User:
    """The old address is told; a letter for a new password that is under way there is good for nothing any more.

    Forbidden `wrong_password`, TooMany; Conflict `email_taken`, or `password_changed` when that was so meanwhile;
    Invalid when it is the password.
    """
    before = await ctx.users.get(actor.user_id)
    async with ctx.passwords.turn(before.id, known=True):
        await identity.require_password(ctx, actor, before, password, "password")
    names = {"email": email, **User.derived({"email": email})}
    if before.model_copy(update=names).refuses_password(password):
        raise Invalid("invalid", "this address cannot be used", [FieldError("email", "must not be the password")])
    fields = {**names, "reset_hash": None, "device_link_hash": None}
    same = {"_id": before.id, "passwordHash": before.password_hash}
    after = await ctx.users.update_one(same, set=stored_names(User, fields))
    if after is None:
        raise Conflict("password_changed", "the password was changed meanwhile")
    if after.email != before.email:
        ctx.mail.send(letters.address_changed(ctx.settings, before, email, ctx.clock()))
    return after
