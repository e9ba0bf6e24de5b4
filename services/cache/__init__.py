"""The cache: Redis, or fakeredis inside the process. It holds only what the database can rebuild."""

from services.cache.client import Cache, CacheUnavailable, connect

__all__ = ["Cache", "CacheUnavailable", "connect"]
