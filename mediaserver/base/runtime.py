"""Where the processes of one server meet: a private directory for sockets, and a lock on the data directory."""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from mediaserver.base.errors import StartError
from mediaserver.base.secrets import private_directory

_LONGEST_NAME = 24
_LONGEST_SOCKET_PATH = 107
"""`sun_path` less its terminating zero (unix(7))."""


def runtime_dir(data_dir: Path) -> Path:
    """`run` in the data directory or, where that makes socket paths too long, a directory named after it."""
    inside = data_dir.resolve() / "run"
    if len(os.fsencode(inside)) + 1 + _LONGEST_NAME <= _LONGEST_SOCKET_PATH:
        return private_directory(inside)
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]
    return private_directory(Path(tempfile.gettempdir()) / f"mediaserver-{os.getuid()}-{name}")


def lock_data(data_dir: Path) -> IO[str]:
    """Hold the data directory for this process; the lock ends with the process, however it dies."""
    path = private_directory(data_dir) / "lock"
    try:
        file = path.open("a+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(f"another server is running on the data directory {data_dir.resolve()}") from None
    except OSError as error:
        raise StartError(f"the data directory {data_dir.resolve()} cannot be used: {error.strerror}") from None
    return file
