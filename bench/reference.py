"""What forwarding is compared with: a fixed loop of libsrtp and sendmsg, without any bookkeeping."""

import os
import socket
import struct
import time

from pylibsrtp import Policy

from mediaserver.media.net import srtp

_HEADER = struct.Struct("!BBHII")
SIZE = 1100


def microseconds_per_packet(subscribers: int = 50, packets: int = 400) -> float:
    """CPU µs to protect one 1,100-byte packet (AES-GCM) and send it with one sendmsg to a loopback socket."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    keys = [srtp.make_keys(profile, os.urandom(28), os.urandom(28)) for _ in range(subscribers)]
    memory, length = srtp.Memory(2048), srtp.length_cell()
    body, pointer, view = os.urandom(SIZE - 12), memory.pointer(0), memory.view
    address = sink.getsockname()
    began = time.process_time()
    for sequence in range(packets):
        for index, key in enumerate(keys):
            _HEADER.pack_into(view, 0, 0x80, 96, sequence, sequence * 3000, index)
            view[12:SIZE] = body
            length[0] = SIZE
            srtp.protect(key.tx, pointer, length)
            out.sendmsg([view[: SIZE + key.tag]], (), 0, address)
    spent = time.process_time() - began
    sink.close()
    out.close()
    return spent / (packets * subscribers) * 1e6
