"""Browser tests pass every time, also on a machine that has a lot else to do."""

import pytest

from tests.soak.conftest import Suite

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

KEYBOARD_RUNS = 20
BROWSER_RUNS = 3


@pytest.mark.parametrize("run", range(KEYBOARD_RUNS))
def test_keys_are_never_lost_while_every_core_is_busy(run: int, busy_cores: None, run_suite: Suite) -> None:
    run_suite("-m", "keyboard")


@pytest.mark.parametrize("run", range(BROWSER_RUNS))
def test_the_whole_browser_suite_passes(run: int, busy_cores: None, run_suite: Suite) -> None:
    run_suite("-m", "browser")
