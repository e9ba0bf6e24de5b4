"""Models as files: immutable versions, aliases that move by compare-and-swap, on a folder or any object store.

```
<workspace>/<name>/<version>/manifest.json                  written last: without it there is no version
<workspace>/<name>/<version>/<array>.npy
<workspace>/<name>/aliases/champion/<generation>.json       one file for each move: the newest one counts
```
"""

from services.model_store.aliases import AliasEntry
from services.model_store.arrays import decode_strings, encode_strings
from services.model_store.contents import LoadedVersion
from services.model_store.errors import (
    AliasMoved,
    DamagedVersion,
    InvalidName,
    ModelStoreError,
    NoEarlierVersion,
    StoreUnavailable,
    UnknownVersion,
    VersionTaken,
)
from services.model_store.manifest import Data, Draft, FileEntry, Manifest
from services.model_store.store import ModelStore
from services.model_store.watching import watch

__all__ = [
    "AliasEntry",
    "AliasMoved",
    "DamagedVersion",
    "Data",
    "Draft",
    "FileEntry",
    "InvalidName",
    "LoadedVersion",
    "Manifest",
    "ModelStore",
    "ModelStoreError",
    "NoEarlierVersion",
    "StoreUnavailable",
    "UnknownVersion",
    "VersionTaken",
    "decode_strings",
    "encode_strings",
    "watch",
]
