"""CPU time of a process and all its descendants, from /proc (proc(5): fields 14 and 15 of stat)."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def family(root: int) -> list[int]:
    """`root` and its descendants."""
    parents = {
        int(entry.name): int(stat[1])
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (stat := _stat(int(entry.name)))
    }
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_s(root: int) -> dict[int, float]:
    """User + system seconds of each process of the family."""
    found = {}
    for pid in family(root):
        if stat := _stat(pid):
            found[pid] = (int(stat[11]) + int(stat[12])) / _TICKS_PER_S
    return found


def name(pid: int) -> str:
    """The module that a process of ours runs."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return "?"
    return next((word for word in words if word.startswith("mediaserver")), words[0])
