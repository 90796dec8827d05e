"""Objects in an S3 bucket through boto3, which is synchronous: every call runs in a bounded pool of threads.

A reader that stops reading holds a connection at most, never a thread; a connection that S3 closes meanwhile is
opened again where it stopped.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from typing import Any, TypeVar, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as S3ConnectionError
from botocore.exceptions import HTTPClientError as S3HTTPError

from mediaserver.base.errors import Problem, Unavailable
from mediaserver.base.settings.tree import Objects
from mediaserver.store.objects.interface import (
    CHUNK_BYTES,
    Listed,
    ObjectInfo,
    PresignedPut,
    absent,
    is_key,
    opened,
)

R = TypeVar("R")

_THREADS = 16
_REOPENINGS = 3
_MIB = 1 << 20
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_REFUSED = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
# Parts of 8 MiB: a file of 80 GB still fits the 10,000 parts that S3 allows.
_TRANSFER = TransferConfig(multipart_threshold=8 * _MIB, multipart_chunksize=8 * _MIB, max_concurrency=4)


class S3Objects:
    """An `ObjectStore` in one bucket, under one prefix."""

    def __init__(self, settings: Objects) -> None:
        self._bucket = settings.bucket
        self._prefix = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._where = (
            f"the bucket {settings.bucket} at {settings.endpoint_url or f'Amazon S3 ({settings.region})'}"
        )
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
        self._client = _client(settings)
        self._prober = _client(settings, read_timeout_s=3, attempts=2)
        # A signature holds for the host that it names.
        public = settings.public_endpoint_url
        self._presigner = (
            _client(settings.model_copy(update={"endpoint_url": public})) if public else self._client
        )

    async def put_file(self, key: str, path: Path, content_type: str) -> ObjectInfo:
        assert is_key(key), f"{key!r} is no object key"
        extra = {"ContentType": content_type}
        await self._run(
            key, self._client.upload_file, str(path), self._bucket, self._prefix + key, extra, None, _TRANSFER
        )
        return await self.stat(key)

    async def put_bytes(self, key: str, content: bytes, content_type: str) -> ObjectInfo:
        assert is_key(key), f"{key!r} is no object key"
        await self._call(key, "put_object", Body=content, ContentType=content_type)
        return await self.stat(key)

    async def stat(self, key: str) -> ObjectInfo:
        found = await self._call(self._checked(key), "head_object")
        modified = found["LastModified"].astimezone(UTC)
        return ObjectInfo(found["ContentLength"], found["ContentType"], found["ETag"].strip('"'), modified)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        self._checked(key)
        etag, reopenings = "", 0
        while end is None or start < end:
            body, etag, size = await opened(self._open(key, start, end, etag), lambda late: late[0].close())
            end = size if end is None else min(end, size)
            try:
                while start < end and (chunk := await self._run(key, body.read, min(CHUNK_BYTES, end - start))):
                    start, reopenings = start + len(chunk), 0
                    yield chunk
                if start >= end:
                    return
            except Unavailable:
                if reopenings == _REOPENINGS:
                    raise
            finally:
                body.close()
            reopenings += 1
            if reopenings > _REOPENINGS:
                raise self._unavailable("the connection ends early again and again")

    async def delete(self, key: str) -> None:
        await self._call(self._checked(key), "delete_object")

    async def list(self, prefix: str) -> AsyncIterator[Listed]:
        token: dict[str, str] = {}
        while True:
            page = await self._run(
                prefix, self._client.list_objects_v2, Bucket=self._bucket, Prefix=self._prefix + prefix, **token
            )
            for one in page.get("Contents", ()):
                yield Listed(one["Key"].removeprefix(self._prefix), one["Size"])
            if not page["IsTruncated"]:
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    async def presigned_url(
        self, key: str, ttl_s: int, content_type: str, disposition: str | None = None
    ) -> str | None:
        wanted: dict[str, Any] = {"ResponseContentType": content_type}
        if disposition is not None:
            wanted["ResponseContentDisposition"] = disposition
        return await self._presigned("get_object", self._checked(key), ttl_s, wanted)

    async def presigned_put(self, key: str, ttl_s: int, content_type: str, size: int) -> PresignedPut | None:
        assert is_key(key), f"{key!r} is no object key"
        # Both are signed: S3 refuses any other. Clients send the length by themselves.
        wanted = {"ContentType": content_type, "ContentLength": size}
        url = await self._presigned("put_object", key, ttl_s, wanted)
        return PresignedPut(url, {"Content-Type": content_type})

    async def _presigned(self, operation: str, key: str, ttl_s: int, wanted: dict[str, Any]) -> str:
        params = {"Bucket": self._bucket, "Key": self._prefix + key, **wanted}
        # Local work, but it may ask a role's credentials of the network.
        sign = self._presigner.generate_presigned_url
        return cast(str, await self._run(key, sign, operation, params, ttl_s))

    async def check(self) -> None:
        try:
            await self._run("", self._prober.head_bucket, Bucket=self._bucket)
        except Problem as error:
            if isinstance(error, Unavailable):
                raise
            raise self._unavailable("it does not exist") from error

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()
        self._prober.close()
        self._presigner.close()

    async def _open(self, key: str, start: int, end: int | None, etag: str) -> tuple[Any, str, int]:
        """A response body from `start`, the object's etag and whole size."""
        # If-Match: going on in the middle of other bytes would serve nonsense.
        extra = {"IfMatch": etag} if etag else {}
        if start or end is not None:
            extra["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        found = await self._call(key, "get_object", **extra)
        whole = found.get("ContentRange", "").rpartition("/")[2]
        return found["Body"], found["ETag"], int(whole or found["ContentLength"])

    def _checked(self, key: str) -> str:
        if not is_key(key):
            raise absent(key)
        return key

    async def _call(self, key: str, operation: str, **params: Any) -> Any:
        method = getattr(self._client, operation)
        return await self._run(key, method, Bucket=self._bucket, Key=self._prefix + key, **params)

    async def _run(self, key: str, work: Callable[..., R], *args: Any, **params: Any) -> R:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, lambda: work(*args, **params))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING:
                raise absent(key) from error
            raise self._unavailable(
                "the access is refused" if code in _REFUSED else f"S3 says {error}"
            ) from error
        except NoCredentialsError as error:
            raise self._unavailable(
                "there are no credentials; set objects.access_key and objects.secret_key"
            ) from error
        except (S3ConnectionError, S3HTTPError) as error:
            raise self._unavailable(f"it cannot be reached: {error}") from error
        except (BotoCoreError, Boto3Error, OSError) as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable("objects_unavailable", f"{self._where} cannot be used: {what}")


def _client(settings: Objects, read_timeout_s: int = 20, attempts: int = 3) -> Any:
    return boto3.client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=3,
            read_timeout=read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=_THREADS * 2,
            # Own endpoints (MinIO and the like) rarely have a DNS name for each bucket.
            s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
        ),
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=settings.secret_key or None,
    )
