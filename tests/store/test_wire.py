"""The wire reader gives a request or a clean refusal, whatever the bytes."""

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.documentserver.errors import CommandError
from mediaserver.documentserver.wire import (
    HEADER,
    OP_MSG,
    OP_QUERY,
    ProtocolError,
    Request,
    read_header,
    read_request,
    write_reply,
)

BODY = bson.encode({"insert": "c", "$db": "t"})
DOCUMENTS = [bson.encode({"_id": n}) for n in range(3)]
SEQUENCE = b"documents\0" + b"".join(DOCUMENTS)
SECTION = b"\x01" + (len(SEQUENCE) + 4).to_bytes(4, "little") + SEQUENCE


def test_a_section_of_documents_stays_encoded() -> None:
    for payload in (bytes(4) + b"\0" + BODY + SECTION, bytes(4) + SECTION + b"\0" + BODY):
        request = read_request(7, OP_MSG, payload)
        assert (request.id, request.command, request.reply_wanted) == (7, "insert", True)
        assert request.sequences == {"documents": DOCUMENTS}
        assert request.documents("documents") == [{"_id": 0}, {"_id": 1}, {"_id": 2}]


def test_a_checksum_is_left_aside_and_more_to_come_wants_no_reply() -> None:
    request = read_request(1, OP_MSG, b"\x03\0\0\0\0" + BODY + b"CRC!")
    assert request.command == "insert"
    assert not request.reply_wanted


def test_the_first_hello_may_be_a_query() -> None:
    payload = bytes(4) + b"admin.$cmd\0" + bytes(8) + bson.encode({"ismaster": 1})
    request = read_request(3, OP_QUERY, payload)
    assert (request.command, request.legacy) == ("ismaster", True)
    reply = write_reply(request, {"ok": 1.0})
    assert HEADER.unpack(reply[:16]) == (len(reply), 0, 3, 1)
    assert bson.decode(reply[36:]) == {"ok": 1.0}


@given(st.binary(max_size=300), st.sampled_from([OP_MSG, OP_QUERY]))
def test_random_bytes(payload: bytes, operation: int) -> None:
    refuse_or_read(operation, payload)


@given(st.data())
def test_a_damaged_message(data: st.DataObject) -> None:
    payload = bytearray(bytes(4) + b"\0" + BODY + SECTION)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    refuse_or_read(OP_MSG, bytes(payload[: data.draw(st.integers(0, len(payload)))]))


def refuse_or_read(operation: int, payload: bytes) -> None:
    try:
        request = read_request(1, operation, payload)
        request.documents("documents")
    except (ProtocolError, CommandError):
        return
    assert isinstance(request, Request)


@given(st.binary(min_size=16, max_size=16))
def test_a_header_is_sound_or_refused(header: bytes) -> None:
    try:
        length, _, operation = read_header(header)
    except ProtocolError:
        return
    assert 16 < length <= 48_000_000
    assert operation in (OP_MSG, OP_QUERY)


def test_a_message_without_a_body_is_refused() -> None:
    with pytest.raises(ProtocolError, match="body"):
        read_request(1, OP_MSG, bytes(4) + SECTION)
