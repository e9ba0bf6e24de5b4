"""The cache: Redis, or fakeredis inside the process. It holds only what the database can rebuild."""

from services.cache.client import Cache, CacheUnavailable, Fields, connect
from services.cache.scripts import Telling

__all__ = ["Cache", "CacheUnavailable", "Fields", "Telling", "connect"]
