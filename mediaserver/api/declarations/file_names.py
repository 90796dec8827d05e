"""Parses the file name of a form part as browsers, curl and HTTP libraries write it.

Browsers write `"`, CR and LF in `filename` as `%22`, `%0D` and `%0A` and escape nothing else (WHATWG HTML,
"multipart form data"); others escape `"` and `\\` with a backslash (RFC 9110 section 5.6.4). `filename*` is not
allowed in forms (RFC 7578 section 4.2), but some libraries send it; it takes precedence (RFC 6266 section 4.3).
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

_PARAMETER: Final = re.compile(
    r"""\s*;\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^;"]*))"""
)
_BACKSLASH: Final = re.compile(r"\\([\\\"])")
_BROWSER: Final = re.compile("%(22|0D|0A)", re.IGNORECASE)
_CHARSETS: Final = {"utf-8": "utf-8", "iso-8859-1": "iso-8859-1"}


def file_name(disposition: str) -> str | None:
    """Return the file name in a `Content-Disposition` header; None when the part is not a file."""
    found: dict[str, str] = {}
    _, separator, rest = disposition.partition(";")
    for parameter in _PARAMETER.finditer(separator + rest):
        name, quoted = parameter["name"].lower(), parameter["quoted"]
        value = parameter["token"].strip() if quoted is None else _BACKSLASH.sub(r"\1", quoted)
        found.setdefault(name, value)
    extended = _extended(found.get("filename*", ""))
    if extended is not None:
        return extended
    plain = found.get("filename")
    if plain is None:
        return "" if "filename*" in found else None
    return _BROWSER.sub(lambda match: chr(int(match[1], 16)), _decoded(plain))


def _decoded(text: str) -> str:
    """Return a header value as text; bytes that are not UTF-8, which aiohttp escapes, are read as Latin-1."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _extended(value: str) -> str | None:
    """Decode an extended value such as `UTF-8'en'%e2%82%ac%20rates`; None when it is malformed."""
    charset, _, rest = value.partition("'")
    _, quote, text = rest.partition("'")
    encoding = _CHARSETS.get(charset.lower())
    if not quote or encoding is None:
        return None
    try:
        return unquote_to_bytes(text).decode(encoding)
    except UnicodeDecodeError:
        return None
