"""Every seed, every truncation of it and every input that once failed is handled as its target says."""

import pytest

from tests.fuzz import corpus
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target, TooSlow, check, load, names


@pytest.fixture(params=names())
def target(request: pytest.FixtureRequest) -> Target:
    return load(request.param)


def test_there_are_seeds(target: Target) -> None:
    assert any(corpus.SEEDS in path.parents for path in corpus.inputs(target.name))


def test_corpus_directories_belong_to_targets() -> None:
    roots = [
        root for root in (corpus.SEEDS, corpus.CRASHES) if root.is_dir()
    ]  # without crashes there is no second
    found = {path.name for root in roots for path in root.iterdir() if path.is_dir()}
    assert found <= set(names())


def test_stored_inputs_are_handled(target: Target) -> None:
    for path in corpus.inputs(target.name):
        try:
            check(target, path.read_bytes())
        except Exception as error:
            error.add_note(str(path))
            raise


def test_truncated_seeds_are_handled(target: Target) -> None:
    for path in corpus.inputs(target.name):
        for data in corpus.prefixes(path.read_bytes()):
            check(target, data)


def test_some_mutations_are_handled(target: Target) -> None:
    """A short look with a fixed seed; `make soak` looks longer."""
    inputs = [path.read_bytes() for path in corpus.inputs(target.name)]
    mutator = Mutator(1, inputs, target.words, target.max_length)
    for _ in range(100):
        check(target, mutator.next())


def test_a_refusal_is_no_failure_but_any_other_exception_and_slowness_are() -> None:
    def run(data: bytes) -> None:
        if data == b"slow":
            sum(range(3_000_000))
        elif data:
            raise (ValueError if data == b"bad" else KeyError)

    target = Target("example", run, (ValueError,), cpu_s=0.01)
    check(target, b"")
    check(target, b"bad")
    with pytest.raises(KeyError):
        check(target, b"worse")
    with pytest.raises(TooSlow):
        check(target, b"slow")


def test_mutation_is_repeatable_and_bounded() -> None:
    def some(seed: int) -> list[bytes]:
        mutator = Mutator(seed, [b"hello", b"world" * 30], [b"WORD"], 200)
        return [mutator.next() for _ in range(300)]

    assert some(3) == some(3) != some(4)
    assert max(map(len, some(3))) <= 200
