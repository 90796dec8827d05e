"""A token bucket: how much may happen in the long run, and how much at once. The clock is passed in."""


class TokenBucket:
    """Allows `rate_per_s` units in the long run and up to `burst` units at once; starts full."""

    __slots__ = ("_level", "_updated_s", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, now: float) -> None:
        self.rate_per_s, self.burst = rate_per_s, burst
        self._level, self._updated_s = burst, now

    def level(self, now: float) -> float:
        """How many units are available; negative while a debt from `charge` is being paid off."""
        elapsed_s = now - self._updated_s
        if elapsed_s > 0:
            self._level = min(self.burst, self._level + elapsed_s * self.rate_per_s)
            self._updated_s = now
        return self._level

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` units if they are available; otherwise take nothing and return False."""
        if self.level(now) < amount:
            return False
        self._level -= amount
        return True

    def charge(self, amount: float, now: float) -> None:
        """Take `amount` units even if that leaves a debt: for work whose cost is known only afterwards."""
        self._level = self.level(now) - amount

    def wait_s(self, amount: float, now: float) -> float:
        """Return the time in seconds until `take(amount)` succeeds; infinite when it never will."""
        missing = amount - self.level(now)
        if missing <= 0:
            return 0.0
        if amount > self.burst or self.rate_per_s <= 0:
            return float("inf")
        return missing / self.rate_per_s

    def is_full(self, now: float) -> bool:
        """Whether nothing was taken lately, so that forgetting this bucket changes nothing."""
        return self.level(now) >= self.burst
