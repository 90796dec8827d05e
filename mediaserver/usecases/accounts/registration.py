"""Check whether registration is open and which email domains may register.

The command line and the seed data are not restricted.
"""

from collections.abc import Sequence

from mediaserver.base.errors import FieldError, Forbidden, Invalid
from mediaserver.base.net.domains import ascii_domain
from mediaserver.base.settings.tree import Auth


def require_open(auth: Auth) -> None:
    """Refuse registration when it is closed. Raises: Forbidden("registration_closed")."""
    if auth.registration == "closed":
        detail = "Registration is closed on this server. Ask its operator for an account."
        raise Forbidden("registration_closed", detail)


def require_allowed_domain(auth: Auth, email: str) -> None:
    """Raises: Invalid for `email` when its domain is not one of `auth.email_domains`."""
    if auth.email_domains and not is_allowed(email, auth.email_domains):
        fault = FieldError("email", f"must be an address at {in_words(auth.email_domains)}")
        raise Invalid("email_domain", "This server does not accept email addresses of this domain.", [fault])


def is_allowed(email: str, domains: Sequence[str]) -> bool:
    """Return whether the address is at one of `domains`; `*.school.example` means all subdomains of it."""
    domain = ascii_domain(email.rpartition("@")[2])
    for allowed in domains:
        name = ascii_domain(allowed.removeprefix("*."))
        if domain.endswith(f".{name}") if allowed.startswith("*.") else domain == name:
            return True
    return False


def in_words(domains: Sequence[str]) -> str:
    """Return the allowed domains as text, e.g. `school.example or a subdomain of uni.example`."""
    parts = [f"a subdomain of {domain[2:]}" if domain.startswith("*.") else domain for domain in domains]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
