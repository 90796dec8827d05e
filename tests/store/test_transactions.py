"""Transactions: what is tried again, for how long, and what happens where there are none.

The driver's part is played; `test_atomically.py` asks the servers.
"""

import ast
import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, PyMongoError

from mediaserver.base.errors import Conflict, Unavailable
from mediaserver.store import reader, repository, transactions
from mediaserver.store.mongo import Database
from mediaserver.store.transactions import current, current_session


def labelled(error: PyMongoError, label: str) -> PyMongoError:
    error._add_error_label(label)
    return error


def transient() -> PyMongoError:
    return labelled(OperationFailure("conflict", 112), "TransientTransactionError")


def unknown_result() -> PyMongoError:
    return labelled(AutoReconnect("gone"), "UnknownTransactionCommitResult")


class Session:
    """What a driver's session does, written down; commits fail as they are told to."""

    def __init__(self, commits: list[PyMongoError]) -> None:
        self.log: list[str] = []
        self._commits = commits

    async def start_transaction(self, write_concern: Any) -> None:
        assert write_concern.document == {"w": "majority"}
        self.log.append("start")

    async def abort_transaction(self) -> None:
        self.log.append("abort")

    async def commit_transaction(self) -> None:
        self.log.append("commit")
        if self._commits:
            raise self._commits.pop(0)

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.append("end")


class Client:
    def __init__(self, *commits: PyMongoError) -> None:
        self.session = Session(list(commits))

    def __getitem__(self, name: str) -> None:
        return None

    def start_session(self) -> Session:
        return self.session


def made(*commits: PyMongoError) -> tuple[Database, list[str]]:
    client = Client(*commits)
    database = Database(client, "t")  # type: ignore[arg-type]
    database.has_transactions = True
    return database, client.session.log


def failing(*errors: PyMongoError) -> Callable[[], Awaitable[str]]:
    """An operation that fails so often, then succeeds."""
    left = list(errors)

    async def operation() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return operation


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_S", 0.0001)
    monkeypatch.setattr(transactions, "_LONGEST_PAUSE_S", 0.001)
    yield
    assert current() is None and current_session() is None


async def test_work_is_committed_with_what_it_gives() -> None:
    database, log = made()

    async def work() -> str:
        assert current_session() is database.client.session  # type: ignore[attr-defined]
        return await database.run(failing())

    assert await database.atomically(work) == "done"
    assert log == ["start", "commit", "end"]


async def test_without_transactions_work_is_just_done() -> None:
    database, log = made()
    database.has_transactions = False

    async def work() -> object:
        return current_session()

    assert await database.atomically(work) is None
    assert log == []


async def test_what_is_atomic_inside_is_part_of_the_same() -> None:
    database, log = made()

    async def inner() -> str:
        return "inner"

    assert await database.atomically(lambda: database.atomically(inner)) == "inner"
    assert log == ["start", "commit", "end"]


async def test_a_rule_that_refuses_ends_it() -> None:
    database, log = made()

    async def work() -> None:
        raise Conflict("closed", "it is closed")

    with pytest.raises(Conflict):
        await database.atomically(work)
    assert log == ["start", "abort", "end"]


async def test_cancelling_ends_it() -> None:
    database, log = made()
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(database.atomically(work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["start", "abort", "end"]


async def test_collisions_are_tried_again_as_a_whole() -> None:
    database, log = made()
    operation, tries = failing(transient(), transient()), 0

    async def work() -> str:
        nonlocal tries
        tries += 1
        return await database.run(operation)

    assert await database.atomically(work) == "done"
    assert log == ["start", "abort", "start", "abort", "start", "commit", "end"]
    assert tries == 3


async def test_an_operation_is_not_tried_again_by_itself_and_none_follows_it() -> None:
    database, log = made()
    reached: list[str] = []

    async def break_off() -> None:
        reached.append("first")
        raise labelled(AutoReconnect("gone"), "TransientTransactionError")

    async def follow() -> None:
        reached.append("second")

    async def work() -> None:
        if len(log) == 1:
            with pytest.raises(AutoReconnect):
                await database.run(break_off)
            with pytest.raises(transactions.Aborted):
                await database.run(follow)

    await database.atomically(work)
    assert reached == ["first"]
    assert log == ["start", "abort", "start", "commit", "end"]


async def test_a_refusal_by_the_server_is_met_again_step_by_step() -> None:
    """As on a server without transactions: who can handle that a value is taken does so."""
    database, log = made()
    sessions = []

    async def work() -> str:
        sessions.append(current_session())
        try:
            await database.run(failing(DuplicateKeyError("taken")))
        except DuplicateKeyError:
            return await database.run(failing())
        return "added"

    assert await database.atomically(work) == "done"
    assert log == ["start", "abort", "end"]
    assert sessions[0] is not None and sessions[1] is None


async def test_a_swallowed_failure_is_not_committed() -> None:
    database, log = made()
    operation = failing(transient())

    async def work() -> str:
        try:
            return await database.run(operation)
        except PyMongoError:
            return "swallowed"

    assert await database.atomically(work) == "done"
    assert log == ["start", "abort", "start", "commit", "end"]


async def test_an_unknown_commit_is_committed_again() -> None:
    database, log = made(unknown_result(), unknown_result())
    assert await database.atomically(failing()) == "done"
    assert log == ["start", "commit", "commit", "commit", "end"]


async def test_a_commit_that_collides_begins_anew() -> None:
    database, log = made(transient())
    assert await database.atomically(failing()) == "done"
    assert log == ["start", "commit", "start", "commit", "end"]


@pytest.mark.parametrize(
    "commit", [OperationFailure("refused", 13), unknown_result()], ids=["refused", "unknown"]
)
async def test_a_commit_that_never_succeeds_is_an_error(
    commit: PyMongoError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LONGEST_S", 0.01)
    database, log = made(*[commit] * 1000)
    with pytest.raises((OperationFailure, Unavailable)):
        await database.atomically(failing())
    assert log[-1] == "end" and log.count("start") == 1


async def test_who_always_collides_goes_on_step_by_step() -> None:
    database, log = made()
    sessions = []

    async def work() -> str:
        sessions.append(current_session())
        if current() is not None:
            await database.run(failing(transient()))
        return "done"

    assert await database.atomically(work) == "done"
    assert log.count("start") == log.count("abort") == transactions.ATTEMPTS
    assert sessions[-1] is None and None not in sessions[:-1]


async def test_tasks_inside_take_turns_and_later_ones_take_no_part() -> None:
    database, _ = made()
    at_work = 0

    async def operation() -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0)
        at_work -= 1

    async def outlives() -> object:
        await committed.wait()
        return current_session()

    committed = asyncio.Event()

    async def work() -> "asyncio.Task[object]":
        await asyncio.gather(*(database.run(operation) for _ in range(5)))
        return asyncio.create_task(outlives())

    task = await database.atomically(work)
    committed.set()
    assert await task is None


async def test_what_is_told_is_told_once_it_is_stored() -> None:
    database, log = made(transient())
    told: list[int] = []

    async def work() -> None:
        transactions.when_committed(lambda: told.append(len(log)))
        assert told == []

    await database.atomically(work)
    assert told == [4], "after the second commit, and once"
    transactions.when_committed(lambda: told.append(0))
    assert told == [4, 0], "at once, outside"


def test_every_operation_of_a_repository_takes_part() -> None:
    """Each call of a collection's method names the session."""
    methods = set()
    nodes = [node for module in (reader, repository) for node in ast.walk(ast.parse(inspect.getsource(module)))]
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if owner == "self.collection" or ".raw[" in owner:
                methods.add(node.func.attr)
                assert "session" in {keyword.arg for keyword in node.keywords}, ast.unparse(node)
    assert {"find", "find_one", "insert_one", "find_one_and_update", "delete_many"} <= methods
