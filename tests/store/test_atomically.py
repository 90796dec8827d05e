"""Several writes as one, asked of every engine: all or nothing with transactions, without them step by step."""

import asyncio
from typing import ClassVar

import pytest
from pymongo import AsyncMongoClient

from mediaserver.base.clock import utc_now
from mediaserver.base.errors import Conflict
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.document import Document, Index
from mediaserver.store.mongo import Database, Stored
from mediaserver.store.repository import Repository


class Account(Document):
    collection: ClassVar[str] = "accounts"
    indexes: ClassVar[tuple[Index, ...]] = (Index(("owner",), unique=True),)

    owner: str
    balance: int = 0


@pytest.fixture
async def database(uri: str, db: object) -> Database:
    opened = await Database.open(uri, db.name)  # type: ignore[attr-defined]
    await opened.close()
    made = Database(db.client, db.name)  # type: ignore[attr-defined]
    made.has_transactions = opened.has_transactions
    await made.ensure_indexes([Account])
    return made


@pytest.fixture
def accounts(database: Database) -> Repository[Account]:
    return Repository(database, Account)


def account(owner: str, balance: int = 0) -> Account:
    now = utc_now()
    return Account(id=new_id(), created_at=now, updated_at=now, owner=owner, balance=balance)


async def test_the_server_says_whether_it_has_transactions(
    database: Database, client: AsyncMongoClient[Stored]
) -> None:
    hello = await client.admin.command("hello")
    assert database.has_transactions == ("setName" in hello or hello.get("msg") == "isdbgrid")


async def test_all_of_it_is_stored(database: Database, accounts: Repository[Account]) -> None:
    async def work() -> str:
        ada = await accounts.add(account("ada"))
        await accounts.add(account("eve"))
        await accounts.update(ada.id, set={"balance": 5})
        assert (await accounts.get(ada.id)).balance == 5
        assert await accounts.count({}) == 2
        assert len((await accounts.page({}, limit=1)).items) == 1
        return ada.id

    id = await database.atomically(work)
    assert (await accounts.get(id)).balance == 5


async def test_a_refusal_leaves_nothing_where_there_are_transactions(
    database: Database, accounts: Repository[Account]
) -> None:
    async def work() -> None:
        await accounts.add(account("ada"))
        raise Conflict("closed", "it is closed")

    with pytest.raises(Conflict):
        await database.atomically(work)
    assert await accounts.count({}) == (0 if database.has_transactions else 1)


async def test_nobody_sees_half_of_it(database: Database, accounts: Repository[Account]) -> None:
    ada = await accounts.add(account("ada", 10))
    eve = await accounts.add(account("eve", 0))
    halfway, seen = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await accounts.update(ada.id, inc={"balance": -5})
        halfway.set()
        await seen.wait()
        await accounts.update(eve.id, inc={"balance": 5})

    moving = asyncio.create_task(database.atomically(work))
    await halfway.wait()
    balances = [(await accounts.get(id)).balance for id in (ada.id, eve.id)]
    seen.set()
    await moving
    assert balances == ([10, 0] if database.has_transactions else [5, 0])
    assert [(await accounts.get(id)).balance for id in (ada.id, eve.id)] == [5, 5]


async def test_a_taken_value_is_a_conflict_that_can_be_handled(
    database: Database, accounts: Repository[Account]
) -> None:
    await accounts.add(account("ada", 1))

    async def take() -> None:
        await accounts.add(account("ada"))

    with pytest.raises(Conflict, match="owner"):
        await database.atomically(take)

    async def take_or_find() -> int:
        try:
            await accounts.add(account("ada"))
        except Conflict:
            found = await accounts.find_one({"owner": "ada"})
            assert found is not None
            return found.balance
        return 0

    assert await database.atomically(take_or_find) == 1
    assert await database.atomically(lambda: accounts.add_if_absent({"owner": "ada"}, account("ada"))) is not None
    assert len(await database.atomically(lambda: accounts.add_many([account("ada"), account("eve")]))) == 1


async def test_writers_of_the_same_documents_lose_nothing(
    database: Database, accounts: Repository[Account]
) -> None:
    ada, eve = await accounts.add(account("ada", 100)), await accounts.add(account("eve"))

    async def move() -> None:
        async def work() -> None:
            await accounts.update(ada.id, inc={"balance": -1})
            await accounts.update(eve.id, inc={"balance": 1})

        await database.atomically(work)

    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(move())
    assert [(await accounts.get(id)).balance for id in (ada.id, eve.id)] == [88, 12]
