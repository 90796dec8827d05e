"""Every parser is fuzzed for its share of `SOAK_MINUTES`; `make test` replays what failed from then on."""

import pytest

from tests.fuzz.runner import fuzz
from tests.fuzz.target import names

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


@pytest.mark.parametrize("name", names())
def test_no_input_upsets_a_parser(name: str, pytestconfig: pytest.Config) -> None:
    minutes, seed = pytestconfig.getoption("--soak-minutes"), pytestconfig.getoption("--seed")
    outcome = fuzz(name, max(1, round(60 * minutes / len(names()))), seed)
    assert outcome.sound, f"kept {[str(path) for path in outcome.kept]}\n{outcome.log[-8000:]}"
