"""MongoDB's wire protocol, pure: bytes in, a request out, and replies back to bytes.

Whatever the bytes are, reading them either gives a request or raises `ProtocolError` (the connection cannot go
on) or `CommandError` (the frame is sound, its content is not). Layouts: MongoDB wire protocol, OP_MSG, OP_QUERY.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from mediaserver.documentserver.errors import CommandError, Document

MAX_MESSAGE = 48_000_000
MAX_DOCUMENT = 16 << 20

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
_CHECKSUM_PRESENT, _MORE_TO_COME, _REQUIRED_BITS = 1, 2, 0xFFFF

HEADER = struct.Struct("<iiii")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")

# Dates stay milliseconds (no range is lost) and no other type changes on its way through.
CODEC: CodecOptions[Document] = CodecOptions(
    document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_MS
)


class ProtocolError(Exception):
    """These bytes are not the protocol; the connection is closed."""


@dataclass(slots=True)
class Request:
    """One command. `sequences` holds the still encoded documents of kind-1 sections by their name.

    `refused` says why it cannot be performed, when that is known from its bytes.
    """

    id: int
    body: Document
    legacy: bool = False
    reply_wanted: bool = True
    sequences: dict[str, list[bytes]] = field(default_factory=dict)
    refused: CommandError | None = None

    @property
    def command(self) -> str:
        return next(iter(self.body), "")

    def documents(self, name: str) -> list[Document]:
        """A list argument, wherever the driver put it: in the body or in a section of its own."""
        if name in self.sequences:
            return [decode(raw) for raw in self.sequences[name]]
        value = self.body.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise CommandError(14, f"{name} must be an array of documents")
        return value


def decode(raw: bytes) -> Document:
    try:
        return bson.decode(raw, CODEC)
    except (BSONError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise CommandError(22, f"not valid BSON: {error}") from error


def encode(document: Any) -> bytes:
    try:
        return bson.encode(document, codec_options=CODEC)
    except OverflowError as error:
        raise CommandError(2, f"a number is out of range: {error}") from error
    except (BSONError, RecursionError) as error:
        raise CommandError(22, f"cannot be encoded as BSON: {error}") from error


def read_header(header: bytes | bytearray) -> tuple[int, int, int]:
    """Length, request id and operation of the frame that begins with these 16 bytes."""
    length, request_id, _, operation = HEADER.unpack(header)
    if not HEADER.size < length <= MAX_MESSAGE:
        raise ProtocolError(f"a message of {length} bytes")
    if operation not in (OP_MSG, OP_QUERY):
        raise ProtocolError(f"operation {operation} is not spoken here")
    return length, request_id, operation


def take_frame(received: bytearray) -> tuple[int, int, bytes] | None:
    """Request id, operation and payload of the first frame, cut off; None while it is not there as a whole."""
    if len(received) < HEADER.size:
        return None
    length, request_id, operation = read_header(received[: HEADER.size])
    if len(received) < length:
        return None
    payload = bytes(received[HEADER.size : length])
    del received[:length]
    return request_id, operation, payload


def read_request(request_id: int, operation: int, payload: bytes) -> Request:
    try:
        read = _read_msg if operation == OP_MSG else _read_query
        return read(request_id, payload)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ProtocolError(f"malformed message: {error}") from error


def _read_msg(request_id: int, payload: bytes) -> Request:
    (flags,) = _U32.unpack_from(payload)
    if flags & _REQUIRED_BITS & ~(_CHECKSUM_PRESENT | _MORE_TO_COME):
        raise ProtocolError(f"unknown required flags {flags:#x}")
    # On a stream socket the checksum tells nothing that the kernel does not already promise.
    end = len(payload) - (4 if flags & _CHECKSUM_PRESENT else 0)
    position, body, sequences = 4, None, dict[str, list[bytes]]()
    while position < end:
        kind = payload[position]
        (size,) = _I32.unpack_from(payload, position + 1)
        start, position = position + 1, position + 1 + size
        if size < 5 or position > end:
            raise ProtocolError("a section reaches beyond its message")
        if kind == 0 and body is None:
            body = payload[start:position]
        elif kind == 1:
            name, documents = _read_sequence(payload[start + 4 : position])
            sequences[name] = documents
        else:
            raise ProtocolError(f"a section of kind {kind}")
    if body is None:
        raise ProtocolError("a message without a body")
    return Request(request_id, decode(body), False, not flags & _MORE_TO_COME, sequences)


def _read_sequence(data: bytes) -> tuple[str, list[bytes]]:
    position = data.index(b"\0") + 1 if b"\0" in data else len(data) + 1
    name, documents = data[: position - 1].decode(), []
    while position < len(data):
        (size,) = _I32.unpack_from(data, position)
        if size < 5 or position + size > len(data):
            raise ProtocolError("a document reaches beyond its section")
        documents.append(data[position : position + size])
        position += size
    return name, documents


def _read_query(request_id: int, payload: bytes) -> Request:
    """The first hello of a connection may come as OP_QUERY on `<database>.$cmd`; nothing else does."""
    end = payload.index(b"\0", 4) if b"\0" in payload[4:] else len(payload)
    if not payload[4:end].endswith(b".$cmd"):
        raise ProtocolError("OP_QUERY is answered for commands only")
    start = end + 1 + 8
    (size,) = _I32.unpack_from(payload, start)
    if size < 5 or start + size > len(payload):
        raise ProtocolError("a query reaches beyond its message")
    return Request(request_id, decode(payload[start : start + size]), legacy=True)


def write_reply(request: Request, reply: Document | bytes) -> bytes:
    """The frame of a reply, which may be encoded already."""
    return frame_reply(request.id, request.legacy, reply if isinstance(reply, bytes) else encode(reply))


def frame_reply(request_id: int, legacy: bool, body: bytes) -> bytes:
    if legacy:  # response flags, cursor id, starting from, number returned
        payload, operation = struct.pack("<iqii", 8, 0, 0, 1) + body, OP_REPLY
    else:
        payload, operation = bytes(5) + body, OP_MSG
    return HEADER.pack(HEADER.size + len(payload), 0, request_id, operation) + payload
