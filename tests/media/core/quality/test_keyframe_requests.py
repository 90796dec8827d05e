from mediaserver.media.core.quality.keyframe_requests import KeyframeRequests


def test_the_first_wish_is_sent_at_once_and_others_wait() -> None:
    requests = KeyframeRequests(0.4)
    assert not requests.due(0.0)
    assert requests.ask(1.0)
    assert not requests.ask(1.1)
    assert not requests.due(1.39)


def test_an_unfulfilled_wish_is_repeated_until_the_keyframe() -> None:
    requests = KeyframeRequests(0.4)
    requests.ask(1.0)
    assert [requests.due(t) for t in (1.41, 1.5, 1.82)] == [True, False, True]
    requests.arrived()
    assert not requests.due(9.0)


def test_a_wish_soon_after_a_keyframe_is_delayed_not_lost() -> None:
    requests = KeyframeRequests(0.4)
    requests.ask(1.0)
    requests.arrived()
    assert not requests.wanted
    assert not requests.ask(1.2)
    assert requests.due(1.41)


def test_a_flood_of_one_subscriber_gets_a_keyframe_every_two_seconds() -> None:
    requests = KeyframeRequests(0.4)
    sent = 0
    for step in range(60 * 100):  # 100 requests a second for a minute, each answered with a keyframe
        if requests.ask_for("attacker", step / 100):
            sent += 1
            requests.arrived()
    assert sent <= 5 + 30


def test_many_subscribers_together_get_a_keyframe_a_second() -> None:
    requests = KeyframeRequests(0.4)
    sent = 0
    for step in range(60 * 100):
        if requests.ask_for(step % 90, step / 100):
            sent += 1
            requests.arrived()
    assert sent <= 10 + 60


def test_during_a_flood_a_new_subscriber_has_its_keyframe_within_a_second() -> None:
    requests = KeyframeRequests(0.4)
    for step in range(60 * 100):
        for attacker in range(20):
            if requests.ask_for(attacker, step / 100):
                requests.arrived()
    now = 60.0
    if not requests.ask(now):
        assert any(requests.due(now + step / 100) for step in range(101))


def test_a_wish_beyond_the_subscribers_limit_is_not_kept() -> None:
    requests = KeyframeRequests(0.3)
    for step in range(5):
        assert requests.ask_for("viewer", step * 0.4)
        requests.arrived()
    assert not requests.ask_for("viewer", 1.9)
    assert not requests.wanted
