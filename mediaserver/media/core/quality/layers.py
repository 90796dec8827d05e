"""Choose the simulcast layer of a slot: the smallest one that fills its tile. Layers switch only at keyframes.

Layers are counted from the best (0) down, in the order of the publisher's rids.
"""

from collections.abc import Sequence
from typing import NamedTuple

_ACTIVE_S = 1.5
"""Without packets for this long a layer is off; encoders switch layers off when bandwidth is short."""
_RATE_WINDOW_S = 1.0
_TOLERANCE = 0.9
"""A layer may be this much smaller than its tile before a bigger one is worth its bandwidth."""


class Layer(NamedTuple):
    """The measurements of one layer; width and height are 0 until a keyframe has arrived."""

    width: int
    height: int
    bitrate_bps: int
    active: bool


class LayerMeter:
    """Measures one incoming layer."""

    __slots__ = ("_bitrate_bps", "_bytes", "_last_s", "_since_s", "height", "width")

    def __init__(self) -> None:
        self.width = self.height = 0
        self._bitrate_bps = self._bytes = 0
        self._since_s = 0.0
        self._last_s: float | None = None

    def packet(self, size: int, now: float) -> None:
        if self._last_s is None or now - self._last_s > _ACTIVE_S:
            self._since_s, self._bytes = now, 0
        elif now - self._since_s >= _RATE_WINDOW_S:
            self._bitrate_bps = round(self._bytes * 8 / (now - self._since_s))
            self._since_s, self._bytes = now, 0
        self._bytes += size
        self._last_s = now

    def measured(self, now: float) -> Layer:
        active = self._last_s is not None and now - self._last_s <= _ACTIVE_S
        return Layer(self.width, self.height, self._bitrate_bps if active else 0, active)


def choose_layer(layers: Sequence[Layer], max_width: int | None, max_height: int | None) -> int | None:
    """The index of the layer for a tile of this size, the best one where no size is given; None: none is active.

    A picture fills its tile when it is as wide or as high, since it is fitted in whole.
    """
    active = [index for index, layer in enumerate(layers) if layer.active]
    if not active:
        return None
    if max_width is None and max_height is None:
        return active[0]
    for index in reversed(active):
        layer = layers[index]
        wide = max_width is not None and 0 < max_width * _TOLERANCE <= layer.width
        high = max_height is not None and 0 < max_height * _TOLERANCE <= layer.height
        if wide or high:
            return index
    # nothing fills it: the best, or while sizes are unknown the least, which costs least if wrong
    return active[0] if any(layers[index].width for index in active) else active[-1]


class LayerSwitch:
    """The current and target layers of a slot. Call `keyframe` for keyframes of any layer."""

    __slots__ = ("current", "target")

    def __init__(self) -> None:
        self.current: int | None = None
        self.target: int | None = None

    def aim(self, layer: int | None) -> bool:
        """Set the target; True when a keyframe of it is needed now. None keeps what there is."""
        if layer is not None:
            self.target = layer
        return self.target is not None and self.target != self.current

    def keyframe(self, layer: int) -> bool:
        """A keyframe of `layer` starts; True when the slot switches to it here (rebind its rewriters)."""
        if layer != self.target or layer == self.current:
            return False
        self.current = layer
        return True

    def reset(self) -> None:
        """Forget both layers, since another track was bound; a keyframe of the new target starts it."""
        self.current = self.target = None
