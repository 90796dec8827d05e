from mediaserver.media.core.keyframes import KeyframeRequests


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
