"""When to send a picture loss indication for a stream: at once, then at intervals until the keyframe is there.

However many subscribers ask, at most one leaves per interval: encoders answer each with an expensive picture.
"""

INTERVAL_S = 0.4


class KeyframeRequests:
    """The wishes for a keyframe of one incoming stream; True from `ask` or `due` means: send a PLI now."""

    __slots__ = ("_interval_s", "_sent_s", "_wanted")

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._sent_s: float | None = None
        self._wanted = False

    @property
    def wanted(self) -> bool:
        return self._wanted

    def ask(self, now: float) -> bool:
        """Someone needs a keyframe."""
        self._wanted = True
        return self.due(now)

    def due(self, now: float) -> bool:
        """Poll it every 50 ms or so: an unfulfilled wish is repeated (the PLI or its answer may be lost)."""
        if not self._wanted or (self._sent_s is not None and now - self._sent_s < self._interval_s):
            return False
        self._sent_s = now
        return True

    def arrived(self) -> None:
        """A keyframe came: all wishes are fulfilled."""
        self._wanted = False
