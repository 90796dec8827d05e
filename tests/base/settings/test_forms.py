"""A URL or address that cannot work is one sentence that names the setting, and never the password in it."""

import warnings

import pytest
import redis.asyncio
from pymongo import AsyncMongoClient

from mediaserver.base.errors import StartError
from mediaserver.base.settings.tree import load_settings
from mediaserver.store.mongo import Database

SECRET = "hunter2"

GOOD = {
    "redis.url": [
        "",
        "redis://redis",
        "redis://redis:6379/0",
        "redis://:p%40ss@redis:6379/15",
        "rediss://app:pw@r.example:6380/1",
        "redis://[::1]:6379",
        "unix:///run/redis.sock?db=2",
        "rediss://r.example?ssl_cert_reqs=none",
        "redis://:p@ss@r",
    ],
    "mongodb.uri": [
        "embedded",
        "mongodb://localhost",
        "mongodb://app:pw@mongo:27017/?authSource=admin",
        "mongodb://a:27017,b:27018/db?replicaSet=rs0",
        "mongodb+srv://cluster.example.org/",
        "mongodb://[::1]:27017",
        "mongodb://%2Ftmp%2Fmongodb.sock",
        "mongodb://127.0.0.1/?directConnection=true",
    ],
    "objects.endpoint_url": ["", "http://minio:9000", "https://s3.example.org/", "http://[fd00::1]:9000"],
    "objects.public_endpoint_url": ["https://files.example.org"],
    "http.public_url": [
        "",
        "https://media.example.org",
        "http://192.0.2.1:8080",
        "https://xn--bcher-kva.example",
    ],
    "http.allowed_origins": ["*", "https://school.example", "http://localhost:3000,https://a.example"],
    "http.trusted_proxies": ["127.0.0.1", "10.0.0.0/8,::1", "10.1.2.3/8", "fd00::/8"],
    "media.announced_ips": ["203.0.113.7", "203.0.113.7,2001:db8::1"],
    "media.stun_urls": ["stun:stun.example.org", "stuns:192.0.2.1:5349", "stun:[2001:db8::1]:3478"],
    "media.turn_urls": [
        "turn:t.example:3478?transport=udp",
        "turns:t.example:443?transport=tcp",
        "turn:192.0.2.1",
    ],
}
BAD = {
    "redis.url": [
        "redis",
        "redis:6379",
        "http://redis:6379",
        "redis://",
        "redis://:hunter2@",
        "redis://r:port",
        "redis://r:0",
        "redis://r:99999",
        "redis://r:6379/x",
        "redis://r:6379/0/1",
        "redis://r:6379/-1",
        "redis://re dis",
        " redis://r",
        "redis://r\n",
        "redis://rédis",
        "redis://:hunter2/x@r:6379",
        "redis://:hunter2#@r:6379/0",
        "redis://:hunter2?@r",
        "redis://r?ssl_cert_reqs=none",
        "rediss://r?hunter2=1",
        "rediss://r?verify=no",
        "redis://[::1",
        "redis://-r",
        "redis://user:hunter2@r..x",
    ],
    "mongodb.uri": [
        "localhost",
        "mongo://localhost",
        "mongodb://",
        "mongodb://user:hunter2@",
        "mongodb://a,,b",
        "mongodb://a:port",
        "mongodb://a:0",
        "mongodb://a:99999",
        "mongodb://user:hunter2/x@host",
        "mongodb://a b",
        "mongodb://möngo",
        "Embedded",
        "",
    ],
    "objects.endpoint_url": [
        "minio:9000",
        "s3://bucket",
        "http://",
        "http://minio:port",
        "http://user:hunter2@minio",
        "http://mi nio",
        "http://minio?x=hunter2",
        "http://minio#x",
        "http://mïnio",
    ],
    "objects.public_endpoint_url": ["files.example.org"],
    "http.public_url": [
        "media.example.org",
        "https://",
        "https:/media.example.org",
        "ftp://media.example.org",
        "https://a:b",
        "https://user:hunter2@a",
        "https://bücher.example",
        "https://a b",
        "https://a:70000",
        "https://[::1",
        "*",
    ],
    "http.allowed_origins": ["school.example", "https://school.example/path", "null", "https://*.example"],
    "http.trusted_proxies": ["nginx", "10.0.0.0/33", "10.0.0", "*", "::/129"],
    "media.announced_ips": [
        "media.example.org",
        "203.0.113",
        "203.0.113.7:3478",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "auto",
    ],
    "media.stun_urls": [
        "stun.example.org",
        "stun://stun.example.org",
        "turn:t.example",
        "stun:",
        "stun:a?transport=udp",
    ],
    "media.turn_urls": [
        "t.example",
        "turn://t.example",
        "stun:t.example",
        "turn:t.example:port",
        "turn:t.example:0",
        "turn:t.example:99999",
        "turn:t.example?transport=sctp",
        "turn:user:hunter2@t.example",
        "turn:t exämple",
    ],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_what_works_is_taken(name: str, value: str) -> None:
    load_settings(None, {name: value, "media.turn_secret": "shared"}, environ={})


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_what_cannot_work_is_one_sentence_without_the_password(name: str, value: str) -> None:
    with pytest.raises(StartError) as refused:
        load_settings(None, {name: value}, environ={})
    heading, *faults = str(refused.value).splitlines()
    assert heading == "these settings are wrong:"
    assert len(faults) == 1
    assert faults[0].startswith(f"  {name}")
    assert SECRET not in faults[0]


@pytest.mark.parametrize("url", [url for url in GOOD["redis.url"] if url])
async def test_the_client_of_redis_takes_what_is_taken_here(url: str) -> None:
    client = redis.asyncio.Redis.from_url(url)
    client.connection_pool.make_connection()
    await client.aclose()


@pytest.mark.parametrize("uri", [uri for uri in GOOD["mongodb.uri"] if "://" in uri and "+srv" not in uri])
async def test_the_client_of_mongodb_takes_what_is_taken_here(uri: str) -> None:
    with warnings.catch_warnings():
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(uri, connect=False)
    await client.close()


@pytest.mark.parametrize(
    "uri", ["mongodb://app:hunter2@a,b/?directConnection=true", "mongodb://app:hunter2@a,b/?loadBalanced=true"]
)
async def test_what_the_driver_of_mongodb_refuses_has_no_password_either(uri: str) -> None:
    with warnings.catch_warnings(), pytest.raises(StartError, match=r"mongodb\.uri is no valid") as refused:
        warnings.simplefilter("ignore")
        await Database.open(uri, "mediaserver", timeout_s=0.1)
    assert SECRET not in str(refused.value)
