"""Background tasks go on after failures: logged once, tried again with growing pauses."""

import asyncio
import errno
import logging
from collections.abc import Callable

import pytest

from mediaserver.base.errors import StartError, Unavailable
from mediaserver.base.processes import supervision
from mediaserver.base.processes.supervision import RETRY_S, Failures, periodic, supervise


def _emfile() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


def test_pauses_grow_and_start_over_after_a_success() -> None:
    failures = Failures("sweeping")
    pauses = [failures.failed(_emfile(), now) for now in range(7)]
    assert pauses == [*RETRY_S, RETRY_S[-1], RETRY_S[-1]]
    failures.succeeded()
    assert failures.failed(_emfile(), 100) == RETRY_S[0]


def test_the_same_failure_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures("sweeping")
    for now in (0.0, 1.0, 59.0, 60.0, 61.0):
        failures.failed(_emfile(), now)
    assert caplog.text.count("sweeping failed") == 2
    failures.failed(Unavailable("store_unavailable", "the store does not answer"), 62.0)
    assert caplog.records[-1].__dict__["why"] == "the store does not answer"


def test_only_bugs_are_logged_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures("sweeping")
    failures.failed(_emfile(), 0)
    failures.failed(KeyError("a bug"), 0)
    assert [record.exc_info is not None for record in caplog.records] == [False, True]


@pytest.mark.parametrize("error", [_emfile(), KeyError("a bug"), Unavailable("away", "the store is away")])
async def test_a_step_that_fails_runs_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "RETRY_S", (0.0,))
    ran = asyncio.Semaphore(0)

    async def step() -> None:
        ran.release()
        raise error

    task = asyncio.create_task(periodic("sweeping", step, 3600.0))
    for _ in range(3):
        await asyncio.wait_for(ran.acquire(), 5)
    await _cancel(task)


async def test_waking_runs_the_step_at_once() -> None:
    ran, wake = asyncio.Semaphore(0), asyncio.Event()

    async def step() -> None:
        ran.release()

    task = asyncio.create_task(periodic("sweeping", step, lambda: 3600.0, wake))
    for _ in range(3):
        await asyncio.wait_for(ran.acquire(), 5)
        wake.set()
    await _cancel(task)


async def test_a_service_that_fails_is_started_again_until_it_returns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervision, "RETRY_S", (0.0,))
    caplog.set_level(logging.WARNING)
    attempts: list[Callable[[], Exception]] = [_emfile, lambda: ValueError("a bug")]

    async def run() -> None:
        if attempts:
            raise attempts.pop(0)()

    await asyncio.wait_for(supervise("bus", run), 5)
    assert not attempts
    assert caplog.text.count("bus failed, trying again") == 2


async def test_a_start_error_is_final() -> None:
    async def run() -> None:
        raise StartError("media.port 1 cannot be used")

    with pytest.raises(StartError):
        await supervise("media workers", run)
    with pytest.raises(StartError):
        await periodic("media workers", run, 1.0)


async def _cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
