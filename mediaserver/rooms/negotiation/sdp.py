"""Reads an SDP offer (RFC 8866, JSEP RFC 9429) into typed sections. It loses nothing that an answer needs and
either returns an offer within its limits or raises `Invalid("bad_sdp")` naming the line."""

import re
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from mediaserver.base.errors import Invalid

# The largest offer that this server takes has 50 video slots, 20 audio slots and 4 tracks. Chromium 156 writes it
# in 287,603 characters and 9,280 lines, Firefox 153 in 117,634 and 3,736. A section of theirs has at most 168
# lines, 34 formats, 77 a=rtcp-fb, 13 a=extmap, 6 SSRCs, 3 rids; their longest line has 144 characters, aiortc's
# 213. The limits of a section are about ten times that, those of the whole what a socket can send at once.
MAX_CHARACTERS: Final = 384 * 1024
MAX_LINES: Final = 20_000
MAX_LINE: Final = 2048
MAX_SECTIONS: Final = 100
MAX_SECTION_LINES: Final = 1_700
MAX_PER_SECTION: Final = 128
"""Of each of payload types (there are 128, RFC 3550 section 5.1), extensions and groups of SSRCs."""
MAX_FEEDBACK: Final = 770
MAX_SSRCS: Final = 60
MAX_RIDS: Final = 30
MAX_FINGERPRINTS: Final = 30
MAX_PARAMETERS: Final = 30
"""In one a=fmtp; browsers write at most 3."""

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]{1,64}")
_MID = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]{1,32}")
_RID = re.compile(r"[A-Za-z0-9_-]{1,255}")  # RFC 8851 section 10; the length is that of an SDES item (RFC 8852)
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 section 5.4; Firefox and Chromium stay in these
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_PAYLOAD_TYPES = {str(number): number for number in range(128)}
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}")


@dataclass(slots=True)
class Format:
    """One payload type of a section: its `a=rtpmap` and `a=fmtp` (as written)."""

    payload_type: int
    name: str = ""
    clock_rate: int = 0
    channels: int | None = None
    fmtp: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """`fmtp` split into names (lower case) and values; what comes after `MAX_PARAMETERS` is left out."""
        parts = self.fmtp.split(";", MAX_PARAMETERS)[:MAX_PARAMETERS]
        pairs = (part.strip().partition("=") for part in parts)
        return {name.strip().lower(): value.strip() for name, _, value in pairs if name}


@dataclass(frozen=True, slots=True)
class Extension:
    """A header extension (RFC 8285); `direction` is the offerer's, None where none is written."""

    id: int
    uri: str
    direction: Direction | None


@dataclass(frozen=True, slots=True)
class Rid:
    """One `a=rid` (RFC 8851)."""

    id: str
    direction: Literal["send", "recv"]
    restrictions: str


@dataclass(slots=True)
class Section:
    """One m-section; ICE and DTLS parameters include what stands at session level."""

    kind: str
    port: int
    protocol: str
    mid: str = ""
    direction: Direction = "sendrecv"
    formats: dict[int, Format] = field(default_factory=dict)
    format_names: list[str] = field(default_factory=list)
    """As written in the m-line: a rejected section's answer repeats them."""
    feedback: list[str] = field(default_factory=list)
    """The values of `a=rtcp-fb` as written; `feedback_of` reads them."""
    extensions: list[Extension] = field(default_factory=list)
    rids: list[Rid] = field(default_factory=list)
    simulcast_send: list[str] = field(default_factory=list)
    """The rids of `a=simulcast:send` in order, the first of each list of alternatives, without `~`."""
    ssrcs: dict[int, dict[str, str]] = field(default_factory=dict)
    ssrc_groups: list[tuple[str, list[int]]] = field(default_factory=list)
    msid: tuple[str, str] | None = None
    ice_ufrag: str = ""
    ice_pwd: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    setup: str = ""
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False

    def feedback_of(self, payload_type: int) -> list[str]:
        """The kinds of feedback offered for a payload type, `a=rtcp-fb:*` among them (RFC 4585 section 4.2)."""
        words = (value.partition(" ") for value in self.feedback)
        number = str(payload_type)
        return [kind.strip() for word, _, kind in words if word in ("*", number)]

    @property
    def rejected(self) -> bool:
        """Port 0 without `a=bundle-only` (RFC 9143 section 6) is a stopped or refused section."""
        return self.port == 0 and not self.bundle_only


@dataclass(slots=True)
class Offer:
    sections: list[Section]
    bundle: list[str]


def read_offer(text: str) -> Offer:
    """Parse an offer, in time linear in its length; raises `Invalid("bad_sdp")` that says what is wrong and in
    which line."""
    if len(text) > MAX_CHARACTERS:
        raise bad_sdp(f"longer than {MAX_CHARACTERS} characters")
    if "\0" in text or text.count("\r") != text.count("\r\n"):  # RFC 8866 section 9: in no value
        raise bad_sdp("a NUL or a carriage return without a line feed")
    lines = text.split("\n", MAX_LINES + 1)
    if len(lines) > MAX_LINES:
        raise bad_sdp(f"more than {MAX_LINES} lines")
    reader = _Reader()
    try:
        for line in lines:
            reader.line(line.removesuffix("\r"))
    except _Wrong as wrong:
        raise bad_sdp(str(wrong), reader.lines) from None
    return reader.finish()


def bad_sdp(what: str, line: int | None = None) -> Invalid:
    return Invalid("bad_sdp", f"line {line}: {what}" if line else what)


class _Wrong(Exception):
    """What is wrong with the line that is being read."""


class _Reader:
    def __init__(self) -> None:
        self._session = Section("session", 9, "")
        self._current = self._session
        self._sections: list[Section] = []
        self._bundle: list[str] = []
        self.lines = 0
        self._most = MAX_SECTION_LINES
        """The number of the last line that the section may have."""

    def line(self, line: str) -> None:
        self.lines += 1
        if len(line) > MAX_LINE:
            raise _Wrong(f"longer than {MAX_LINE} characters")
        kind = line[:2]
        if kind == "a=":
            if self.lines > self._most:
                raise _Wrong(f"more than {MAX_SECTION_LINES} lines in one section")
            name, _, value = line[2:].partition(":")
            read = _ATTRIBUTES.get(name)
            if read is not None:
                read(self._current, value)
            elif name in _DIRECTIONS:
                self._current.direction = cast(Direction, name)
            elif name == "group" and self._current is self._session:
                self._group(value)
        elif kind == "m=":
            self._media(line[2:])
        elif line and kind[1:] != "=":
            raise _Wrong("not of the form <letter>=<value>")

    def _media(self, value: str) -> None:
        if len(self._sections) >= MAX_SECTIONS:
            raise _Wrong(f"more than {MAX_SECTIONS} m-lines")
        words = value.split()
        if len(words) < 4 or len(words) > 3 + MAX_PER_SECTION:
            raise _Wrong("an m-line needs kind, port, protocol and formats")
        section = Section(words[0], _number(words[1], 65535), words[2], direction=self._session.direction)
        section.format_names = words[3:]
        if section.kind in ("audio", "video"):
            section.formats = {pt: Format(pt) for pt in (_number(word, 127) for word in words[3:])}
        self._sections.append(section)
        self._current, self._most = section, self.lines + MAX_SECTION_LINES

    def _group(self, value: str) -> None:
        semantics, *mids = value.split()[: MAX_SECTIONS + 1] or [""]
        if semantics == "BUNDLE":
            if self._bundle:
                raise _Wrong("more than one BUNDLE group")
            self._bundle = mids

    def finish(self) -> Offer:
        seen: set[str] = set()
        for section in self._sections:
            if not section.mid:
                raise bad_sdp(f"an m-line ({section.kind}) has no a=mid")
            if section.mid in seen:
                raise bad_sdp(f"a=mid:{section.mid} twice")
            seen.add(section.mid)
            section.ice_ufrag = section.ice_ufrag or self._session.ice_ufrag
            section.ice_pwd = section.ice_pwd or self._session.ice_pwd
            section.setup = section.setup or self._session.setup
            section.fingerprints = section.fingerprints or self._session.fingerprints
            section.extensions = self._session.extensions + section.extensions
        return Offer(self._sections, self._bundle)


def _number(word: str, highest: int) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) <= 10 and int(word) <= highest):
        raise _Wrong(f"{word[:20]!r} is not a number up to {highest}")
    return int(word)


def _matching(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise _Wrong(f"{value[:40]!r} is not {what}")
    return value


def _bounded(items: Sized, most: int = MAX_PER_SECTION) -> None:
    if len(items) >= most:
        raise _Wrong(f"more than {most} of these in one section")


def _format(section: Section, word: str) -> Format | None:
    """The format that an attribute is about; None for one that the m-line does not list (it is ignored)."""
    number = _PAYLOAD_TYPES.get(word)
    return section.formats.get(_number(word, 127) if number is None else number)


# ------------------------------------------------------------------- attributes


def _rtpmap(section: Section, value: str) -> None:
    word, _, rest = value.partition(" ")
    name, *rates = rest.strip().split("/")
    if not name or len(rates) not in (1, 2):
        raise _Wrong("a=rtpmap needs <payload type> <name>/<clock rate>[/<channels>]")
    if form := _format(section, word):
        form.name = _matching(_TOKEN, name, "a codec name")
        form.clock_rate = _number(rates[0], 1_000_000)
        form.channels = _number(rates[1], 255) if len(rates) == 2 else None


def _fmtp(section: Section, value: str) -> None:
    word, _, parameters = value.partition(" ")
    if form := _format(section, word):
        form.fmtp = parameters.strip()


def _rtcp_fb(section: Section, value: str) -> None:
    if len(section.feedback) >= MAX_FEEDBACK:
        raise _Wrong(f"more than {MAX_FEEDBACK} a=rtcp-fb in one section")
    section.feedback.append(value)


def _extmap(section: Section, value: str) -> None:
    words = value.split()
    if len(words) < 2:
        raise _Wrong("a=extmap needs <id>[/<direction>] <uri>")
    number, _, direction = words[0].partition("/")
    if direction and direction not in _DIRECTIONS:
        raise _Wrong(f"{direction[:20]!r} is not a direction")
    identifier = _number(number, 4351)  # 4096–4351 are placeholders, RFC 8285 section 7
    if identifier == 0:
        raise _Wrong("0 is not an extension id")
    _bounded(section.extensions)
    section.extensions.append(Extension(identifier, words[1], cast("Direction | None", direction or None)))


def _rid(section: Section, value: str) -> None:
    words = value.split(" ", 2)
    if len(words) < 2 or words[1] not in ("send", "recv"):
        raise _Wrong("a=rid needs <id> send|recv")
    _bounded(section.rids, MAX_RIDS)
    rid = _matching(_RID, words[0], "a rid")
    direction = cast(Literal["send", "recv"], words[1])
    section.rids.append(Rid(rid, direction, words[2] if len(words) == 3 else ""))


def _simulcast(section: Section, value: str) -> None:
    words = value.split()
    if len(words) not in (2, 4) or any(word not in ("send", "recv") for word in words[::2]):
        raise _Wrong("a=simulcast needs send|recv and a list of rids")
    for direction, streams in zip(words[::2], words[1::2], strict=True):
        if direction == "send":
            firsts = [stream.partition(",")[0].lstrip("~") for stream in streams.split(";", MAX_RIDS + 1)]
            _bounded(firsts, MAX_RIDS + 1)
            section.simulcast_send = [_matching(_RID, rid, "a rid") for rid in firsts]


def _ssrc(section: Section, value: str) -> None:
    word, _, attribute = value.partition(" ")
    ssrc = _number(word, 0xFFFFFFFF)
    if ssrc not in section.ssrcs:
        _bounded(section.ssrcs, MAX_SSRCS)
    name, _, content = attribute.partition(":")
    section.ssrcs.setdefault(ssrc, {})[name[:64]] = content


def _ssrc_group(section: Section, value: str) -> None:
    semantics, *words = value.split() or [""]
    _bounded(section.ssrc_groups)
    section.ssrc_groups.append((semantics, [_number(word, 0xFFFFFFFF) for word in words[:MAX_PER_SECTION]]))


def _msid(section: Section, value: str) -> None:
    stream, _, track = value.partition(" ")
    section.msid = (stream, track.strip())


def _fingerprint(section: Section, value: str) -> None:
    algorithm, _, digest = value.partition(" ")
    _bounded(section.fingerprints, MAX_FINGERPRINTS)
    digest = _matching(_FINGERPRINT, digest.strip(), "a fingerprint").upper()
    section.fingerprints.append((_matching(_TOKEN, algorithm, "a hash function").lower(), digest))


def _setup(section: Section, value: str) -> None:
    if value not in ("actpass", "active", "passive", "holdconn"):
        raise _Wrong(f"{value[:20]!r} is not a DTLS role")
    section.setup = value


def _mid(section: Section, value: str) -> None:
    section.mid = _matching(_MID, value, "a mid")


def _ice_ufrag(section: Section, value: str) -> None:
    section.ice_ufrag = _matching(_UFRAG, value, "an ICE username fragment")


def _ice_pwd(section: Section, value: str) -> None:
    section.ice_pwd = _matching(_PWD, value, "an ICE password")


def _flag(name: str) -> Callable[[Section, str], None]:
    return lambda section, value: setattr(section, name, True)


_ATTRIBUTES: dict[str, Callable[[Section, str], None]] = {
    "rtpmap": _rtpmap, "fmtp": _fmtp, "rtcp-fb": _rtcp_fb, "extmap": _extmap, "rid": _rid,
    "simulcast": _simulcast,    "ssrc": _ssrc, "ssrc-group": _ssrc_group, "msid": _msid, "mid": _mid,
    "ice-ufrag": _ice_ufrag, "ice-pwd": _ice_pwd, "fingerprint": _fingerprint, "setup": _setup,
    "rtcp-mux": _flag("rtcp_mux"), "rtcp-rsize": _flag("rtcp_rsize"), "bundle-only": _flag("bundle_only"),
}  # fmt: skip
