"""The bystander measures a quiet server as undisturbed, and a stopped media worker as a disturbance."""

import os
import signal

import pytest

from tests.e2e.server import WORKER, Server
from tests.scenarios.bystander import Bystander

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_a_bystander_notices_a_stopped_worker_and_nothing_else(own: Server) -> None:
    async with Bystander.beside(own) as bystander:
        quiet = await bystander.observe(1)
        (await bystander.observe(1)).assert_undisturbed(quiet)
        (worker,) = own.children(WORKER)
        os.kill(worker, signal.SIGSTOP)
        try:
            stopped = await bystander.observe(1)
        finally:
            os.kill(worker, signal.SIGCONT)
        with pytest.raises(AssertionError, match="arrived"):
            stopped.assert_undisturbed(quiet)
