"""Events: every handler hears, whatever the others do."""

import pytest

from mediaserver.usecases.events import Event, Events, LoginRevoked, UserDeactivated


def test_handlers_hear_their_own_kind_in_order() -> None:
    events, heard = Events(), list[Event]()
    events.subscribe(UserDeactivated, heard.append)
    events.publish(UserDeactivated("u1"))
    events.publish(LoginRevoked("u1", "l1"))
    events.publish(UserDeactivated("u2"))
    assert heard == [UserDeactivated("u1"), UserDeactivated("u2")]


def test_a_failing_handler_is_logged_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    events, heard = Events(), list[Event]()

    def broken(_: UserDeactivated) -> None:
        raise RuntimeError("broken")

    events.subscribe(UserDeactivated, broken)
    events.subscribe(UserDeactivated, heard.append)
    events.publish(UserDeactivated("u1"))
    assert heard == [UserDeactivated("u1")] and "UserDeactivated" in caplog.text


def test_who_ends_the_subscription_hears_no_more() -> None:
    events, heard = Events(), list[Event]()
    end = events.subscribe(UserDeactivated, heard.append)
    end()
    events.publish(UserDeactivated("u1"))
    assert heard == []
