import asyncio
import time

from prometheus_client import CollectorRegistry

from mediaserver.loop_lag import LoopLag, RecentMaximum


def test_the_maximum_is_kept_for_one_to_two_windows() -> None:
    recent = RecentMaximum(15)
    recent.add(0.2, 14)
    recent.add(0.1, 14.5)
    assert recent.value(14.9) == 0.2
    assert recent.value(29.9) == 0.2
    assert recent.value(30) == 0
    recent.add(0.3, 31)
    assert recent.value(61) == 0


async def test_a_blocked_loop_shows() -> None:
    registry = CollectorRegistry()
    running = asyncio.create_task(LoopLag(registry).run())

    def count() -> float:
        return registry.get_sample_value("mediaserver_event_loop_lag_seconds_count") or 0

    async with asyncio.timeout(5):
        while not count():
            await asyncio.sleep(0.01)
        time.sleep(0.3)  # noqa: ASYNC251 - blocking is what is measured
        before = count()
        while count() == before:
            await asyncio.sleep(0.01)
    assert (registry.get_sample_value("mediaserver_event_loop_lag_max_seconds") or 0) > 0.2
    slow = registry.get_sample_value("mediaserver_event_loop_lag_seconds_bucket", {"le": "0.1"}) or 0
    assert slow < count()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
