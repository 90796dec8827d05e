import pytest

from mediaserver.media.core.quality.layers import Layer, LayerMeter, LayerSwitch, choose_layer

HIGH, MIDDLE, LOW = (
    Layer(1280, 720, 1_500_000, True),
    Layer(640, 360, 500_000, True),
    Layer(320, 180, 150_000, True),
)
ALL = (HIGH, MIDDLE, LOW)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (None, None, 0), (160, 90, 2), (320, 180, 2), (350, 350, 2), (400, 400, 1), (640, None, 1),
        (None, 360, 1), (720, 720, 0), (4000, 4000, 0), (300, 1000, 2),
    ],
)  # fmt: skip
def test_the_smallest_layer_that_fills_the_tile(width: int | None, height: int | None, expected: int) -> None:
    assert choose_layer(ALL, width, height) == expected


def test_inactive_layers_are_never_chosen() -> None:
    off = Layer(1280, 720, 0, False)
    assert choose_layer([off, MIDDLE, LOW], None, None) == 1
    assert choose_layer([off, MIDDLE, LOW], 1280, 720) == 1
    assert choose_layer([HIGH, MIDDLE, off], 100, 100) == 1
    assert choose_layer([off, off], 100, 100) is None
    assert choose_layer([], None, None) is None


def test_while_sizes_are_unknown_the_lowest_is_taken() -> None:
    unknown = Layer(0, 0, 1000, True)
    assert choose_layer([unknown, unknown], 320, 180) == 1


def test_a_layer_is_measured() -> None:
    meter = LayerMeter()
    assert meter.measured(0.0) == Layer(0, 0, 0, False)
    meter.width, meter.height = 320, 180
    for step in range(201):
        meter.packet(1000, 5.0 + step * 0.01)
    assert meter.measured(7.0) == Layer(320, 180, 800_000, True)
    assert meter.measured(8.5).active
    assert meter.measured(8.6) == Layer(320, 180, 0, False)


def test_a_slot_switches_only_on_a_keyframe_of_its_target() -> None:
    switch = LayerSwitch()
    assert not switch.aim(None)
    assert switch.aim(2)
    assert not switch.keyframe(0)
    assert switch.keyframe(2)
    assert not switch.keyframe(2)
    assert not switch.aim(2)
    assert switch.aim(0)
    assert switch.current == 2
    assert not switch.aim(2)  # changed its mind
    assert not switch.keyframe(0)
    switch.reset()
    assert (switch.current, switch.target) == (None, None)
