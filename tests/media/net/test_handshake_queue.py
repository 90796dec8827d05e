"""Whose handshake goes on: addresses take turns, places are bounded, nobody is refused."""

from mediaserver.media.net.handshake_queue import HandshakeQueue


def taken(queue: HandshakeQueue[str]) -> list[str]:
    out = []
    while (item := queue.next()) is not None:
        out.append(item)
    return out


def test_addresses_take_turns() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(100, 100)
    for number in range(4):
        queue.add(f"a{number}", "a")
    queue.add("b0", "b")
    queue.add("c0", "c")
    assert taken(queue) == ["a0", "b0", "c0", "a1", "a2", "a3"]


def test_an_item_is_queued_once() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(100, 100)
    for _ in range(3):
        queue.add("a0", "a")
    assert taken(queue) == ["a0"]
    queue.add("a0", "elsewhere")
    assert taken(queue) == ["a0"]


def test_those_without_a_place_wait_for_one() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(4, 2)
    for item in ("a0", "a1", "a2", "b0", "c0", "d0"):
        queue.add(item, item[0])
    assert taken(queue) == ["a0", "b0", "c0", "d0"]
    assert [item for item in ("a0", "a1", "a2", "b0", "c0", "d0") if queue.is_open(item)] == [
        "a0",
        "b0",
        "c0",
        "d0",
    ]
    queue.add("a0", "a")
    assert taken(queue) == ["a0"], "those with a place go on"
    queue.finish("b0")
    queue.finish("c0")
    assert taken(queue) == ["a1"], "more than two of one address have no place"
    queue.forget("a1")
    assert taken(queue) == ["a2"]


def test_finished_ones_need_no_place() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(1, 1)
    queue.add("a0", "a")
    assert taken(queue) == ["a0"]
    queue.finish("a0")
    queue.add("b0", "b")
    queue.add("a0", "a")
    assert sorted(taken(queue)) == ["a0", "b0"]


def test_pressed_are_those_whose_place_somebody_waits_for() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(3, 2)
    for item in ("a0", "a1", "b0"):
        queue.add(item, item[0])
    assert len(taken(queue)) == 3
    assert not any(queue.is_pressed(item) for item in ("a0", "a1", "b0"))
    queue.add("c0", "c")
    assert all(queue.is_pressed(item) for item in ("a0", "a1", "b0")) and not queue.is_pressed("c0")
    queue.finish("b0")
    assert taken(queue) == ["c0"]
    queue.finish("c0")
    queue.add("a2", "a")
    assert taken(queue) == []
    assert queue.is_pressed("a0") and queue.has_ready is False


def test_a_flood_of_one_address_leaves_others_their_turn() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(256, 64)
    for number in range(1000):
        queue.add(f"evil{number}", "evil")
    queue.add("good", "good")
    order = []
    for _ in range(4):
        item = queue.next()
        assert item is not None
        order.append(item)
        queue.add(item, "evil")  # it always has more
    assert "good" in order[:3]


def test_forgetting_leaves_nothing() -> None:
    queue: HandshakeQueue[str] = HandshakeQueue(1, 1)
    for item in ("a0", "a1", "b0"):
        queue.add(item, item[0])
    queue.next()
    for item in ("a0", "a1", "b0", "never"):
        queue.forget(item)
    assert taken(queue) == [] and not queue.has_ready
    for held in (queue._address, queue._open, queue._open_at, queue._ready, queue._waiting, queue._queued):
        assert not held
