"""Objects: named, whole files such as uploads and recordings, in a directory or an S3 bucket.

An object appears whole or not at all; its key never leads outside the store.
"""

from mediaserver.store.objects.interface import CHUNK_BYTES, Listed, ObjectInfo, ObjectStore, PresignedPut
from mediaserver.store.objects.opening import open_objects

__all__ = ["CHUNK_BYTES", "Listed", "ObjectInfo", "ObjectStore", "PresignedPut", "open_objects"]
