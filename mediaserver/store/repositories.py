"""Every collection by the class of its documents: what the server stores is listed once, where it is composed."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from mediaserver.base.clock import Clock, utc_now
from mediaserver.domain.documents.document import Document
from mediaserver.store.mongo import Database
from mediaserver.store.repository import Repository

D = TypeVar("D", bound=Document)
T = TypeVar("T")


class Repositories:
    """`documents` are all classes that are stored; asking for another one is a mistake of ours."""

    def __init__(self, database: Database, documents: Iterable[type[Document]], clock: Clock = utc_now) -> None:
        self.database = database
        self._by_class: dict[type[Document], Repository[Any]] = {
            document: Repository(database, document, clock=clock) for document in documents
        }
        self._by_name = {document.collection: found for document, found in self._by_class.items()}

    @property
    def documents(self) -> tuple[type[Document], ...]:
        return tuple(self._by_class)

    def of(self, document: type[D]) -> Repository[D]:
        repository: Repository[D] = self._by_class[document]
        return repository

    def named(self, collection: str) -> Repository[Any]:
        """The repository of a collection."""
        return self._by_name[collection]

    async def atomically(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` in one transaction where the server has them; else its steps follow one another."""
        return await self.database.atomically(work)
