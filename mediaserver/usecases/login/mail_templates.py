"""What the server writes to people, in plain words."""

from datetime import datetime

from mediaserver.base.settings.tree import Settings
from mediaserver.domain.accounts.users import User
from mediaserver.store.mail import Letter


def reset(settings: Settings, user: User, token: str, minutes: int) -> Letter:
    return Letter(
        user.email,
        "A new password for Mediaserver",
        f"""Hello {user.username},

somebody, probably you, asked for a new password for your account. Choose one here:

{_address(settings)}/#/reset/{token}

The link works once, within {minutes} minutes. If you did not ask for it, do nothing: your password stays.
""",
    )


def confirm_device(settings: Settings, user: User, token: str, minutes: int) -> Letter:
    return Letter(
        user.email,
        "Confirm your device for Mediaserver",
        f"""Hello {user.username},

Someone, probably you, wants to sign in to your account from a new device. Because many wrong passwords were tried
lately, new devices have to be confirmed first. Open this link on the device on which you want to sign in:

{_address(settings)}/#/device/{token}

Then sign in with your password as usual. The link works once, within {minutes} minutes. If it was not you, you do
not need to do anything: without your password, nobody can sign in.
""",
    )


def password_changed(settings: Settings, user: User, now: datetime) -> Letter:
    return Letter(
        user.email,
        "Your password was changed",
        f"""Hello {user.username},

the password of your account was changed on {now:%d %B %Y at %H:%M} UTC; other devices were signed out.

If that was not you, choose a new password now:

{_address(settings)}/#/forgot
""",
    )


def verify_address(settings: Settings, address: str, token: str, until: datetime) -> Letter:
    """To an address that may be somebody else's, so it has no text that the requester chose."""
    return Letter(
        address,
        "Confirm your email address for Mediaserver",
        f"""Hello,

this address was given for an account at {_address(settings)}. If that was you, confirm it with
the password of the account:

{_address(settings)}/#/verify/{token}

The link works once, until {until:%d %B %Y at %H:%M} UTC. If it was not you, you do not need to do anything:
without the password, nobody can confirm the address.
""",
    )


def address_in_use(settings: Settings, owner: User) -> Letter:
    """To the owner of an account whose address was given for another account."""
    return Letter(
        owner.email,
        "Your email address was used to create or change an account",
        f"""Hello {owner.username},

someone tried to use this address for another account at {_address(settings)}.
You have an account with it already, so nothing was changed.

If that was you, sign in as {owner.username}. If you forgot your password, choose a new one:

{_address(settings)}/#/forgot

If it was not you, you do not need to do anything.
""",
    )


def address_change_requested(settings: Settings, user: User, email: str, now: datetime) -> Letter:
    """To the address that is in force until the other one is confirmed."""
    return Letter(
        user.email,
        "Your email address is about to change",
        f"""Hello {user.username},

on {now:%d %B %Y at %H:%M} UTC the address {email} was given for your account. It takes the place of this one as
soon as it is confirmed.

If that was not you, somebody knows your password. Choose a new one now:

{_address(settings)}/#/forgot
""",
    )


def address_changed(settings: Settings, before: User, email: str, now: datetime) -> Letter:
    """To the old address."""
    return Letter(
        before.email,
        "Your email address was changed",
        f"""Hello {before.username},

the address of your account was changed to {email} on {now:%d %B %Y at %H:%M} UTC. Letters go there from now on.

If that was not you, somebody knows your password: ask whoever runs {_address(settings)} for help.
""",
    )


def _address(settings: Settings) -> str:
    """Never what a request says of its host: whoever sends it chooses that, and would get the link."""
    if settings.http.public_url:
        return settings.http.public_url.rstrip("/")
    secure = settings.tls.self_signed or settings.tls.cert is not None
    host = "localhost" if settings.http.host in ("", "0.0.0.0", "::") else settings.http.host
    return f"http{'s' if secure else ''}://{f'[{host}]' if ':' in host else host}:{settings.http.port}"
