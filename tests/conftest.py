"""Rules for all tests: `--soak` repeats scenarios and asserts limits on medians; in CI no test may skip."""

import os

import pytest
from hypothesis import HealthCheck, settings

import mediaserver  # noqa: F401 - before any driver: it gives them the `wait_for` that hears cancellations

# Shared machines stall: time tells nothing about a property. In CI the examples are the same each time.
settings.register_profile(
    "shared",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="repeat scenarios, assert limits on the median")
    parser.addoption("--soak-minutes", type=float, default=30, help="time for all fuzzers of a soak together")
    parser.addoption("--seed", type=int, default=1, help="seed of a soak's random choices")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        # Deselected, not skipped: there is nothing that this run fails to show.
        soak = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped, which CI does not allow", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
