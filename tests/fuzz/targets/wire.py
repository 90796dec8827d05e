"""MongoDB's wire protocol and BSON as the embedded document server reads them: streams and single payloads."""

from mediaserver.documentserver import wire
from mediaserver.documentserver.errors import CommandError
from tests.fuzz.target import Target


def run(data: bytes) -> None:
    stream(data)
    for operation in (wire.OP_MSG, wire.OP_QUERY):
        stream(wire.HEADER.pack(wire.HEADER.size + len(data), 7, 0, operation) + data)
    try:
        document = wire.decode(data)
    except CommandError:
        return
    encoded = wire.encode(document)
    assert wire.encode(wire.decode(encoded)) == encoded


def stream(data: bytes) -> None:
    """What a connection does with received bytes."""
    received = bytearray(data)
    try:
        while frame := wire.take_frame(received):
            performed(*frame)
    except wire.ProtocolError:
        return
    assert len(received) <= len(data)


def performed(request_id: int, operation: int, payload: bytes) -> None:
    try:
        request = wire.read_request(request_id, operation, payload)
        assert isinstance(request.command, str)
        for name in ("documents", "updates", "deletes", *request.sequences):
            if name in request.body or name in request.sequences:
                request.documents(name)
        reply = wire.write_reply(request, request.body)
    except CommandError:
        return
    assert int.from_bytes(reply[:4], "little") == len(reply)


TARGET = Target(
    "wire",
    run,
    (wire.ProtocolError,),
    ("mediaserver.documentserver.wire",),
    max_length=4096,
    words=(
        b"documents\0",
        b"insert\0",
        b"admin.$cmd\0",
        b"\x03",
        b"\x04",
        b"\x07",
        b"\x09",
        b"\x0b",
        b"\x0f",
        b"\x13",
    ),
)
