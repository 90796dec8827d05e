"""The texts of the mails that the server sends to users."""

from datetime import datetime

from mediaserver.base.settings.tree import Settings
from mediaserver.domain.accounts.users import User
from mediaserver.store.mail import MailMessage


def reset(settings: Settings, user: User, token: str, minutes: int) -> MailMessage:
    """Return the mail with the link for choosing a new password."""
    return MailMessage(
        user.email,
        "Reset your Mediaserver password",
        f"""Hello {user.username},

We received a request to reset the password of your account. Choose a new password here:

{_address(settings)}/#/reset/{token}

This link works once and expires in {minutes} minutes.

If you did not request this, you can ignore this mail. Your password stays the same.
""",
    )


def confirm_device(settings: Settings, user: User, token: str, minutes: int) -> MailMessage:
    """Return the mail with the link that makes a device known."""
    return MailMessage(
        user.email,
        "Confirm your device for Mediaserver",
        f"""Hello {user.username},

We received a request to sign in to your account on a new device. Because of many failed sign-in attempts, new
devices need to be confirmed first. Open this link on the device that you want to sign in on:

{_address(settings)}/#/device/{token}

Then sign in with your password as usual. This link works once and expires in {minutes} minutes.

If this was not you, you can ignore this mail. It is not possible to sign in without your password.
""",
    )


def password_changed(settings: Settings, user: User, now: datetime) -> MailMessage:
    """Return the notice that the password was changed."""
    return MailMessage(
        user.email,
        "Your password was changed",
        f"""Hello {user.username},

Your password was changed on {now:%d %B %Y at %H:%M} UTC. Your other devices were signed out.

If this was not you, reset your password now:

{_address(settings)}/#/forgot
""",
    )


def verify_address(settings: Settings, address: str, token: str, until: datetime) -> MailMessage:
    """Return the mail with the link that confirms `address`.

    The address may belong to someone else, so the mail contains no text that the requester chose.
    """
    return MailMessage(
        address,
        "Confirm your email address for Mediaserver",
        f"""Hello,

This email address was entered for an account at {_address(settings)}.
To confirm it, open this link and enter the password of the account:

{_address(settings)}/#/verify/{token}

This link works once, until {until:%d %B %Y at %H:%M} UTC.

If this was not you, you can ignore this mail. The address cannot be confirmed without the password.
""",
    )


def address_in_use(settings: Settings, owner: User) -> MailMessage:
    """Return the notice to the owner of an account whose address was entered for another account."""
    return MailMessage(
        owner.email,
        "Your email address was used to create or change an account",
        f"""Hello {owner.username},

This email address was entered for another account at {_address(settings)}.
You already have an account with this address, so nothing was changed.

If this was you, sign in as {owner.username}. If you forgot your password, reset it here:

{_address(settings)}/#/forgot

If this was not you, you can ignore this mail.
""",
    )


def address_change_requested(settings: Settings, user: User, email: str, now: datetime) -> MailMessage:
    """Return the notice to the current address, which stays in use until `email` is confirmed."""
    return MailMessage(
        user.email,
        "Your email address is about to change",
        f"""Hello {user.username},

On {now:%d %B %Y at %H:%M} UTC, a request was made to change the email address of your account to {email}.
It will replace this address as soon as it is confirmed.

If this was not you, someone knows your password. Reset it now:

{_address(settings)}/#/forgot
""",
    )


def address_changed(settings: Settings, before: User, email: str, now: datetime) -> MailMessage:
    """Return the notice to the previous address."""
    return MailMessage(
        before.email,
        "Your email address was changed",
        f"""Hello {before.username},

The email address of your account was changed to {email} on {now:%d %B %Y at %H:%M} UTC.
We will send all further mail to the new address.

If this was not you, someone knows your password. Contact the administrator of {_address(settings)}.
""",
    )


def _address(settings: Settings) -> str:
    """Return the base URL for links.

    It never comes from the Host header: the sender of the request chooses that and could redirect the link.
    """
    if settings.http.public_url:
        return settings.http.public_url.rstrip("/")
    secure = settings.tls.self_signed or settings.tls.cert is not None
    host = "localhost" if settings.http.host in ("", "0.0.0.0", "::") else settings.http.host
    return f"http{'s' if secure else ''}://{f'[{host}]' if ':' in host else host}:{settings.http.port}"
