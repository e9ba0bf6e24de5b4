"""What can go wrong with stored models.

```
ModelStoreError
├── InvalidName        (ValueError)       a workspace, name, version, alias or file name that is no plain name
├── UnknownVersion     (LookupError)      no such version
├── NoEarlierVersion   (LookupError)      nothing to roll back to
├── DamagedVersion                        a file of the version is not what was published
├── VersionTaken                          other content is published under this version already
├── AliasMoved                            somebody else moved the alias first
└── StoreUnavailable   (Away)             the folder or object store does not answer
```
"""

from __future__ import annotations

from prometheus_client import Counter

from services.away import Away

ERRORS = Counter(
    "akin_model_store_errors",
    "Model versions refused as damaged, and attempts that found the store away.",
    ["kind"],  # damaged | unavailable
)


class ModelStoreError(Exception):
    """Anything of this room; the sentence can be shown to an operator."""


class InvalidName(ModelStoreError, ValueError):
    """The name could leave its folder, or would read badly in a path."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"{name!r} is no valid {what}: 1 to 100 of A-Z a-z 0-9 _ . - are allowed, not starting with a dot."
        )


class UnknownVersion(ModelStoreError, LookupError):
    """No version was published under this id."""

    def __init__(self, version: str) -> None:
        super().__init__(f"Version {version} does not exist.")


class NoEarlierVersion(ModelStoreError, LookupError):
    """The alias never pointed to another version before the present one."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} has no earlier version to roll back to; name one.")


class DamagedVersion(ModelStoreError):
    """A file is missing, additional, truncated, tampered with or of a forbidden kind; `file` says which."""

    def __init__(self, version: str, file: str, problem: str) -> None:
        super().__init__(f"Version {version} is damaged: {file} {problem}.")
        self.version = version
        self.file = file


class VersionTaken(ModelStoreError):
    """The shortened ids of two versions are equal; the published one stays as it is."""

    def __init__(self, version: str) -> None:
        super().__init__(f"Version {version} holds other content already; change a parameter.")


class AliasMoved(ModelStoreError):
    """The alias is not at the generation on which the caller based the decision; look again and decide anew."""

    def __init__(self, alias: str, *, expected: int | None, found: int | None) -> None:
        super().__init__(
            f"Alias {alias} moved: expected generation {expected}, found {found}; nothing was changed."
        )


class StoreUnavailable(ModelStoreError, Away):
    """The store did not answer or refused; what was asked may or may not have been done."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The model store is away: {type(error).__name__}: {error}.")
