"""Domain names in the form in which they are compared: ASCII, with Punycode where needed (IDNA 2008)."""

import re

import idna

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


def ascii_domain(name: str) -> str:
    """Return the A-label form of a domain in lower case (RFC 5891; UTS #46 maps case and width); a name that has
    none is only folded."""
    try:
        return idna.encode(name, uts46=True).decode().lower()
    except idna.IDNAError:
        return name.casefold()


def is_domain(name: str) -> bool:
    """Return whether `name` is a domain of at least two labels."""
    return _NAME.fullmatch(ascii_domain(name)) is not None
