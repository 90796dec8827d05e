from mediaserver.media.net.addresses import announced


def test_what_is_configured_wins_then_what_is_bound() -> None:
    assert announced(["192.0.2.1"], "0.0.0.0") == ("192.0.2.1",)
    assert announced([], "192.0.2.7") == ("192.0.2.7",)


def test_else_all_interfaces_are_announced_loopback_last() -> None:
    found = announced([], "0.0.0.0")
    assert found[-1] == "127.0.0.1"
    assert not any(one.startswith("127.") for one in found[:-1])
