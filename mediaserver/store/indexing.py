"""Makes the collections and indexes that documents declare.

A collection is made even without indexes: inside a transaction none may come into being.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure
from pymongo.operations import IndexModel

from mediaserver.domain.documents.document import Document, Index

log = logging.getLogger(__name__)

Stored = dict[str, Any]

_EXISTS, _OTHER_OPTIONS, _OTHER_KEYS = 48, 85, 86


async def make_collection(raw: AsyncDatabase[Stored], document: type[Document]) -> None:
    """Make a collection and its indexes where they are missing; raises `OperationFailure` where data forbids.

    An index whose definition has changed is made anew, those in `retired_indexes` are dropped after that.
    """
    models = [index_model(index) for index in document.all_indexes()]
    if models:
        try:
            await raw[document.collection].create_indexes(models)
        except OperationFailure as error:
            if error.code not in (_OTHER_OPTIONS, _OTHER_KEYS):
                raise
            for model in models:
                await _make_index(raw[document.collection], model, document.retired_indexes)
    else:
        try:
            await raw.create_collection(document.collection, check_exists=False)
        except OperationFailure as error:
            if error.code != _EXISTS:
                raise
    if document.retired_indexes:
        for name in (await raw[document.collection].index_information()).keys() & {*document.retired_indexes}:
            log.info("dropping an index that is not needed any more", extra={"index": name})
            await _drop(raw[document.collection], name)


async def _make_index(collection: AsyncCollection[Stored], model: IndexModel, retired: Sequence[str]) -> None:
    """Make an index. One in its way is dropped first, and comes back when the data forbids the new one."""
    try:
        await collection.create_indexes([model])
        return
    except OperationFailure as error:
        if error.code not in (_OTHER_OPTIONS, _OTHER_KEYS):
            raise
    wanted = model.document
    old = [one for one in await _definitions(collection) if _hinders(one, wanted, retired)]
    log.info("making an index anew", extra={"collection": collection.name, "index": wanted["name"]})
    for one in old:
        await _drop(collection, one["name"])
    try:
        await collection.create_indexes([model])
    except OperationFailure:
        for one in old:
            options = {name: value for name, value in one.items() if name not in ("v", "ns", "key")}
            await collection.create_indexes([IndexModel(list(one["key"].items()), **options)])
        raise


async def _definitions(collection: AsyncCollection[Stored]) -> list[Stored]:
    return [dict(one) async for one in await collection.list_indexes()]


def _hinders(existing: Stored, wanted: Mapping[str, Any], retired: Sequence[str]) -> bool:
    """Whether an index has the other's name, or its keys and is to go anyway."""
    if existing["name"] == wanted["name"]:
        return True
    return existing["name"] in retired and list(existing["key"].items()) == list(wanted["key"].items())


async def _drop(collection: AsyncCollection[Stored], name: str) -> None:
    with suppress(OperationFailure):  # another server was faster
        await collection.drop_index(name)


def index_model(index: Index) -> IndexModel:
    options: Stored = {"name": index.name}
    if index.unique:
        options["unique"] = True
    if index.sparse:
        options["sparse"] = True
    if index.partial is not None:
        options["partialFilterExpression"] = dict(index.partial)
    if index.expire_after_s is not None:
        options["expireAfterSeconds"] = index.expire_after_s
    return IndexModel(list(index.fields), **options)
