"""What the server writes to people, in plain words."""

from datetime import datetime

from mediaserver.base.settings import Settings
from mediaserver.domain.users import User
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
