"""The server's own secrets: made once under the data directory, readable by its owner alone, never replaced.

A lost or changed key would end all logins and links, so a file that is there but wrong stops the start.
"""

import logging
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mediaserver.base.errors import StartError

log = logging.getLogger(__name__)

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Keys of 32 random bytes each."""

    jwt_key: bytes
    """Signs access tokens."""
    url_key: bytes
    """Signs file URLs."""

    @classmethod
    def load(cls, data_dir: Path) -> "Secrets":
        """Read the keys of `data_dir/secrets`, making those that are missing. Raises `StartError`."""
        directory = private_directory(data_dir / "secrets")
        return cls(jwt_key=_key(directory / "jwt.key"), url_key=_key(directory / "url.key"))


def private_directory(path: Path) -> Path:
    """`path`, made when missing, with mode 0700. Raises `StartError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(path, 0o700)
    except OSError as error:
        raise StartError(f"the directory {path} cannot be used for secrets: {error.strerror}") from error
    return path


def is_open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def keep_others_out(path: Path) -> None:
    """Give a directory of ours mode 0700.

    One of somebody else's, or that is meant for all (such as `/tmp`), stays as it is: what must be private in it
    has directories of its own. `mediaserver doctor` tells of it.
    """
    found = path.stat()
    if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX and is_open_to_others(path):
        path.chmod(0o700)
        log.warning(
            "%s had mode %04o and could be read by others; it is now 0700", path, stat.S_IMODE(found.st_mode)
        )


def write_once(path: Path, content: bytes) -> bytes:
    """Put `content` at `path` with mode 0600 unless something is there; answers what stands there afterwards.

    Whole or not at all, and of several processes that start at once exactly one wins.
    """
    fresh = _written_beside(path, content)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return path.read_bytes()
    finally:
        fresh.unlink()
    sync_directory(path.parent)
    return content


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` with mode 0600, whole or not at all, in place of what was there."""
    _written_beside(path, content).replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written_beside(path: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _key(path: Path) -> bytes:
    try:
        if path.exists():
            _make_private(path, 0o600)
            key = path.read_bytes()
        else:
            key = write_once(path, secrets.token_bytes(_KEY_BYTES))
    except OSError as error:
        raise StartError(f"the secret {path} cannot be read or made: {error.strerror}") from error
    if len(key) != _KEY_BYTES:
        raise StartError(
            f"the secret {path} has {len(key)} bytes instead of {_KEY_BYTES}: restore it from a backup, "
            "or delete it for a new one (all logins or links made with it end)"
        )
    return key


def _make_private(path: Path, mode: int) -> None:
    """Take away what others may; who was let in before may have read it, so say it."""
    found = stat.S_IMODE(path.stat().st_mode)
    if found & 0o077:
        try:
            path.chmod(mode)
        except PermissionError:
            raise StartError(
                f"others may read {path} (mode {found:04o}) and we may not change that: chmod {mode:04o} {path}"
            ) from None
        log.warning("%s had mode %04o and could be read by others; it is now %04o", path, found, mode)
