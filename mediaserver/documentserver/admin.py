"""Commands about the server, collections and indexes."""

from datetime import UTC, datetime

from bson.datetime_ms import DatetimeMS

from mediaserver.documentserver.commands import TABLE, Context, command, value_of
from mediaserver.documentserver.cursors import FIRST_BATCH, ValueCursor
from mediaserver.documentserver.errors import CommandError, Document
from mediaserver.documentserver.matching.filters import Filter
from mediaserver.documentserver.planning.indexes import Index, parse_index
from mediaserver.documentserver.reads import batch_size
from mediaserver.documentserver.storage import Collection
from mediaserver.documentserver.wire import MAX_DOCUMENT, MAX_MESSAGE, encode

OK: Document = {"ok": 1.0}
MAX_WIRE_VERSION = 17

_HELLO = (
    "helloOk client compression hostInfo internalClient saslSupportedMechs speculativeAuthenticate loadBalanced"
)


def hello(legacy_name: bool) -> Document:
    """No `setName` and no session timeout: drivers then use neither transactions nor retryable writes."""
    return {
        "helloOk": True,
        ("ismaster" if legacy_name else "isWritablePrimary"): True,
        "maxBsonObjectSize": MAX_DOCUMENT,
        "maxMessageSizeBytes": MAX_MESSAGE,
        "maxWriteBatchSize": 100_000,
        "localTime": DatetimeMS(datetime.now(UTC)),
        "minWireVersion": 0,
        "maxWireVersion": MAX_WIRE_VERSION,
        "readOnly": False,
        "mergesRanges": True,  # of an index, any number in its order: our clients ask for all at once
        **OK,
    }


@command("hello", _HELLO)
def hello_command(_: Context) -> Document:
    return hello(legacy_name=False)


@command("isMaster", _HELLO)
def is_master(_: Context) -> Document:
    return hello(legacy_name=True)


TABLE["ismaster"] = TABLE["isMaster"]


@command("ping")
def ping(_: Context) -> Document:
    return OK


@command("endSessions")
def end_sessions(_: Context) -> Document:
    return OK


@command("buildInfo")
def build_info(_: Context) -> Document:
    return {
        "version": "6.0.0",
        "versionArray": [6, 0, 0, 0],
        "modules": ["embedded"],
        "bits": 64,
        "maxBsonObjectSize": MAX_DOCUMENT,
        **OK,
    }


TABLE["buildinfo"] = TABLE["buildInfo"]


@command("create", is_write=True)
def create(ctx: Context) -> Document:
    if ctx.collection() is not None:
        raise CommandError(48, f"Collection {ctx.namespace()} already exists.")
    ctx.storage.make(ctx.database, ctx.named())
    return OK


@command("drop", is_write=True)
def drop(ctx: Context) -> Document:
    collection = ctx.collection()
    if collection is None:
        raise CommandError(26, "ns not found")
    _drop(ctx, collection)
    return {"nIndexesWas": len(collection.indexes), "ns": ctx.namespace(), **OK}


def _drop(ctx: Context, collection: Collection) -> None:
    ctx.cursors.forget(collection)
    ctx.storage.drop(collection)


@command("dropDatabase", is_write=True)
def drop_database(ctx: Context) -> Document:
    for (database, _), collection in list(ctx.storage.collections.items()):
        if database == ctx.database:
            _drop(ctx, collection)
    return {"dropped": ctx.database, **OK}


@command("listDatabases", "nameOnly")
def list_databases(ctx: Context) -> Document:
    names = dict.fromkeys(database for database, _ in ctx.storage.collections)
    return {"databases": [{"name": name} for name in names], **OK}


@command("listCollections", "filter nameOnly authorizedCollections cursor")
def list_collections(ctx: Context) -> bytes:
    filter_ = Filter(value_of(ctx.body, "filter", dict, {}))
    shown = [
        {"name": name, "type": "collection", "options": {}, "info": {"readOnly": False}}
        for database, name in ctx.storage.collections
        if database == ctx.database
    ]
    documents = [encode(item) for item in shown if filter_.matches(item)]
    cursor = ValueCursor(f"{ctx.database}.$cmd.listCollections", documents)
    return ctx.cursors.first(cursor, batch_size(value_of(ctx.body, "cursor", dict, {}), FIRST_BATCH))


@command("listIndexes", "cursor")
def list_indexes(ctx: Context) -> bytes:
    collection = ctx.collection()
    if collection is None:
        raise CommandError(26, f"ns does not exist: {ctx.namespace()}")
    documents = [encode(index.options()) for index in collection.indexes]
    size = batch_size(value_of(ctx.body, "cursor", dict, {}), FIRST_BATCH)
    return ctx.cursors.first(ValueCursor(ctx.namespace(), documents), size)


@command("createIndexes", "indexes commitQuorum ignoreUnknownIndexOptions", is_write=True)
def create_indexes(ctx: Context) -> Document:
    wanted = [parse_index(source) for source in ctx.request.documents("indexes")]
    if not wanted:
        raise CommandError(2, "Must specify at least one index to create")
    made = ctx.collection() is None
    collection = ctx.storage.make(ctx.database, ctx.named())
    before = len(collection.indexes)
    added: list[Index] = []
    try:
        for index in wanted:
            if not _exists(collection, index):
                ctx.storage.add_index(collection, index)
                added.append(index)
    except CommandError:
        for index in added:
            ctx.storage.drop_index(collection, index)
        raise
    reply = {"numIndexesBefore": before, "numIndexesAfter": len(collection.indexes)}
    return {**reply, "createdCollectionAutomatically": made, **OK}


def _exists(collection: Collection, wanted: Index) -> bool:
    for index in collection.indexes:
        same_key = index.fields == wanted.fields
        if same_key and index.is_id:
            return True
        same = encode(index.options()) == encode(wanted.options())
        if index.name == wanted.name and not same:
            code = 85 if same_key else 86
            raise CommandError(code, f"An existing index has the same name as the requested index: {index.name}")
        if same:
            return True
        if same_key and index.partial == wanted.partial:
            raise CommandError(85, f"Index already exists with a different name or options: {index.name}")
    return False


@command("dropIndexes", "index", is_write=True)
def drop_indexes(ctx: Context) -> Document:
    collection = ctx.collection()
    if collection is None:
        raise CommandError(26, f"ns not found {ctx.namespace()}")
    wanted = ctx.body.get("index")
    before = len(collection.indexes)
    if wanted == "*":
        doomed = collection.indexes[1:]
    else:
        names = wanted if isinstance(wanted, list) else [wanted]
        doomed = [index for index in collection.indexes if index.name in names or index.pattern() in names]
        if len(doomed) != len(names):
            raise CommandError(27, f"index not found with name [{wanted}]")
    if any(index.is_id for index in doomed):
        raise CommandError(72, "cannot drop _id index")
    for index in doomed:
        ctx.storage.drop_index(collection, index)
    return {"nIndexesWas": before, **OK}
