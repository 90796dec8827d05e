"""One server a data directory: a lock that ends with its process, however that dies, and a name that stays."""

import fcntl
from pathlib import Path
from typing import IO

from mediaserver.base.errors import StartError
from mediaserver.base.ids import new_id
from mediaserver.base.secrets import keep_others_out, write_once


def lock_data(data_dir: Path) -> IO[str]:
    """Hold the data directory; raises `StartError` when another server does. Close the file to let it go."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_others_out(data_dir)
        file = (data_dir / "lock").open("a+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StartError(f"another server is running on the data directory {data_dir.resolve()}") from None
    except OSError as error:
        raise StartError(f"the data directory {data_dir.resolve()} cannot be used: {error.strerror}") from None
    return file


def node_name(data_dir: Path) -> str:
    """What the server on this data directory is called in documents, made at the first start."""
    path = data_dir / "node"
    try:
        written = path.read_bytes() if path.exists() else write_once(path, new_id().encode())
    except OSError as error:
        raise StartError(f"{path} cannot be read or made: {error.strerror}") from None
    return written.decode(errors="replace").strip()
