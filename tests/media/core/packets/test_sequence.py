import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.media.core.packets.sequence import SequenceUnwrapper, SlotRewriter, newer


def slot(first_sequence: int = 100, first_timestamp: int = 5000) -> SlotRewriter[str]:
    return SlotRewriter(90_000, "a", first_sequence, first_timestamp)


@pytest.mark.parametrize(
    ("a", "b", "bits", "expected"),
    [
        (1, 0, 16, True), (0, 1, 16, False), (0, 65535, 16, True), (65535, 0, 16, False), (7, 7, 16, False),
        (0x7FFF, 0, 16, True), (0x8000, 0, 16, False), (3, 0xFFFFFFFF, 32, True), (0, 0x7FFF, 15, True),
    ],
)  # fmt: skip
def test_newer(a: int, b: int, bits: int, expected: bool) -> None:
    assert newer(a, b, bits) is expected


def test_unwrapping_literally() -> None:
    unwrapper = SequenceUnwrapper()
    numbers = [65534, 0, 65535, 2, 40_000]
    assert [unwrapper.unwrap(n) for n in numbers] == [65534, 65536, 65535, 65538, 40_000]
    assert unwrapper.highest == 65538


@given(
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.integers(-3000, 3000), max_size=200),
    st.sampled_from([16, 32]),
)
def test_unwrapping_follows_any_stream_of_small_steps(first: int, steps: list[int], bits: int) -> None:
    unwrapper = SequenceUnwrapper(bits)
    mask = (1 << bits) - 1
    highest = unwrapper.unwrap(first & mask)
    for step in steps:
        assert unwrapper.unwrap(highest + step & mask) == highest + step
        highest = max(highest, highest + step)


def test_a_slot_begins_at_its_own_numbers() -> None:
    rewriter = slot()
    assert rewriter.timestamp_offset is None
    assert rewriter.rewrite(7, 9_000, 1.0) == (100, 5000)
    assert rewriter.rewrite(8, 12_000, 1.03) == (101, 8000)
    assert rewriter.timestamp_offset == (5000 - 9000) % 2**32
    assert rewriter.last_sequence == 101


def test_gaps_stay_and_late_packets_fill_them() -> None:
    rewriter = slot()
    sequences = [rewriter.rewrite(n, 0, 1.0) for n in (10, 13, 12, 11)]
    assert [one and one[0] for one in sequences] == [100, 103, 102, 101]


def test_a_rebound_slot_goes_on_where_it_was() -> None:
    rewriter = slot()
    rewriter.rewrite(10, 90_000, 1.0)
    rewriter.rewrite(11, 93_000, 1.05)
    rewriter.rebind("b")
    assert rewriter.timestamp_offset is None
    assert rewriter.rewrite(60_000, 7, 1.25) == (102, 5000 + 3000 + 18_000)
    assert rewriter.rewrite(59_999, 7, 1.25) is None  # from before the keyframe
    assert rewriter.rewrite(60_001, 7, 1.25) == (103, 26_000)


def test_a_rebinding_at_once_still_advances_the_timestamp() -> None:
    rewriter = slot()
    rewriter.rewrite(10, 90_000, 1.0)
    rewriter.rebind("b")
    assert rewriter.rewrite(5, 5, 1.0) == (101, 5001)


def test_binding_twice_without_a_packet_loses_no_number() -> None:
    rewriter = slot()
    rewriter.rewrite(10, 0, 1.0)
    rewriter.rebind("b")
    rewriter.rebind("c")
    assert rewriter.rewrite(7, 0, 1.0) == (101, 5001)
    origin = rewriter.origin(101)
    assert origin is not None
    assert (origin.source, origin.generation, origin.sequence) == ("c", 2, 7)


def test_skipped_packets_leave_no_gap() -> None:
    rewriter = slot()
    rewriter.skip(3)  # nothing is bound yet: it has no effect
    rewriter.rewrite(10, 0, 1.0)
    for padding in (11, 12, 14):
        rewriter.skip(padding)
    assert rewriter.rewrite(15, 0, 1.0) == (102, 5000)
    assert rewriter.rewrite(13, 0, 1.0) == (101, 5000)
    assert [rewriter.rewrite(n, 0, 1.0) for n in (11, 12, 14)] == [None] * 3
    assert rewriter.rewrite(16, 0, 1.0) == (103, 5000)


def test_a_late_skip_changes_nothing() -> None:
    rewriter = slot()
    rewriter.rewrite(10, 0, 1.0)
    rewriter.rewrite(12, 0, 1.0)
    rewriter.skip(11)
    assert rewriter.rewrite(13, 0, 1.0) == (103, 5000)


def test_a_late_packet_before_a_skipped_one_counts_as_sent() -> None:
    rewriter = slot()
    rewriter.rewrite(10, 0, 1.0)
    rewriter.skip(12)
    assert rewriter.rewrite(11, 0, 1.0) == (101, 5000)
    rewriter.rebind("b")
    assert rewriter.rewrite(1, 0, 1.0) == (102, 5001)


@pytest.mark.parametrize("restart", [50, 5_000, 40_000])
def test_a_restarted_stream_goes_on_without_a_gap(restart: int) -> None:
    rewriter = slot()
    rewriter.rewrite(20_000, 0, 1.0)
    rewriter.rewrite(20_001, 3_000, 1.1)
    assert rewriter.rewrite(restart, 77, 2.1) == (102, 5000 + 3000 + 90_000)
    assert rewriter.rewrite(restart - 1, 77, 2.1) is None
    assert rewriter.rewrite(restart + 1, 3077, 2.1) == (103, 101_000)


def test_the_way_back() -> None:
    rewriter = slot(first_sequence=65534)
    rewriter.rewrite(10, 90_000, 1.0)
    rewriter.skip(11)
    rewriter.rewrite(12, 90_000, 1.0)
    rewriter.rewrite(14, 90_000, 1.0)
    rewriter.rebind("b")
    rewriter.rewrite(65535, 0, 1.0)
    rewriter.rewrite(0, 0, 1.0)

    def back(sequence: int) -> tuple[str, int, int] | None:
        origin = rewriter.origin(sequence)
        return origin and (origin.source, origin.generation, origin.sequence)

    assert [back(n) for n in (65534, 65535, 0, 1, 2, 3)] == [
        ("a", 0, 10), ("a", 0, 12), ("a", 0, 13), ("a", 0, 14), ("b", 1, 65535), ("b", 1, 0),
    ]  # fmt: skip
    assert back(65533) is None
    assert back(3 + 1000) is None


def test_a_run_is_one_addition() -> None:
    rewriter = slot()
    assert rewriter.rewrite_run(11, 14, 0, 1.0) is None  # nothing has begun
    rewriter.rewrite(10, 6000, 1.0)
    assert rewriter.rewrite_run(11, 14, 9000, 1.0) == (90, 2**32 - 1000)
    assert rewriter.last_sequence == 104
    assert rewriter.rewrite_run(14, 15, 9000, 1.0) is None  # a repetition
    rewriter.skip(15)
    assert rewriter.rewrite_run(16, 20, 9000, 1.0) == (89, 2**32 - 1000)
    assert rewriter.rewrite_run(30_000, 30_001, 9000, 1.0) is None
    assert rewriter.rewrite(21, 9000, 1.0) == (110, 8000)


ACTION = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4)),  # how far ahead
    st.tuples(st.just("late"), st.integers(1, 40)),  # how far back
    st.tuples(st.just("skip"), st.integers(1, 3)),
    st.tuples(st.just("rebind"), st.integers(0, 0xFFFF)),
    st.tuples(st.just("restart"), st.integers(5_000, 60_000)),
)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.lists(ACTION, max_size=120))
def test_no_number_ever_stands_for_two_packets(
    first_out: int, first_in: int, actions: list[tuple[str, int]]
) -> None:
    """Whatever loss, reordering, padding, rebinding and restarts: numbers are unique and lead back."""
    rewriter = SlotRewriter(90_000, 0, first_out, 0)
    source, position, now = 0, first_in, 0.0
    sent: dict[int, tuple[int, int]] = {}
    gone: set[tuple[int, int]] = set()
    epoch = 0  # numbers from before a restart are other packets

    def send(sequence: int) -> None:
        packet = (epoch, sequence)
        if packet in gone:
            return
        gone.add(packet)
        out = rewriter.rewrite(sequence & 0xFFFF, 0, now)
        if out is None:
            return
        assert out[0] not in sent
        sent[out[0]] = (source, sequence & 0xFFFF)

    send(position)
    for action, amount in actions:
        now += 0.01
        if action == "send":
            position += amount
            send(position)
        elif action == "late":
            send(position - amount)
        elif action == "skip":
            position += amount
            gone.add((epoch, position))
            rewriter.skip(position & 0xFFFF)
        else:
            epoch += 1
            source += action == "rebind"
            if action == "rebind":
                rewriter.rebind(source)
                position = amount
            else:
                position += amount
            send(position)
    first = next(iter(sent))
    assert (rewriter.last_sequence - first) & 0xFFFF in {(n - first) & 0xFFFF for n in sent}
    for out_sequence, packet in list(sent.items())[-40:]:
        origin = rewriter.origin(out_sequence)
        assert origin is not None
        assert (origin.source, origin.sequence) == packet


@given(st.integers(0, 0xFFFF), st.lists(st.booleans(), max_size=200))
def test_padding_anywhere_closes_up_without_loss(first: int, packets: list[bool]) -> None:
    rewriter = slot(first_sequence=0)
    rewriter.rewrite(first, 0, 0.0)
    out = [0]
    for count, is_media in enumerate(packets, 1):
        sequence = first + count & 0xFFFF
        if is_media:
            rewritten = rewriter.rewrite(sequence, 0, 0.0)
            assert rewritten is not None
            out.append(rewritten[0])
        else:
            rewriter.skip(sequence)
    assert out == list(range(len(out)))
