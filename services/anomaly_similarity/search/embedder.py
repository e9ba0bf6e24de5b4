"""Vectors of words from a local folder: static embeddings as model2vec and sentence-transformers save them.

A tokenizer cuts a word into pieces, and each piece has a vector. The extra `embeddings` reads both, without
torch; only the folder is read, nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import Floats

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FOLDERS = ("", "0_StaticEmbedding")  # where in the folder the files may lie
FILES = VECTORS, TOKENIZER = "model.safetensors", "tokenizer.json"
NAMES = ("embeddings", "embedding.weight")  # of the vectors, by either library
CHUNK = 2**20  # bytes of a file that are read at a time


class UnusableEmbeddings(Exception):
    """The folder has no static embeddings that can be read, or the extra `embeddings` is not installed."""


@dataclass(frozen=True, eq=False)
class Embedder:
    """The vectors of pieces (pieces, width), and the hash of their files, which tells two folders apart."""

    tokenizer: Tokenizer
    pieces: Floats
    unknown: int | None  # the piece that stands for what the tokenizer does not know
    version: str

    @property
    def width(self) -> int:
        """Return the length of a vector."""
        return int(self.pieces.shape[1])

    def vectors(self, words: Sequence[str]) -> Floats:
        """Return for each word the sum (n, width) of its pieces' vectors; zeros where none is known.

        The sum over the words of a text has the direction of the text's own embedding, the mean of its pieces.
        """
        found: Floats = np.zeros((len(words), self.width), np.float32)
        cut = self.tokenizer.encode_batch_fast(list(words), add_special_tokens=False)
        for row, word in zip(found, cut, strict=True):
            row[:] = self.pieces[[each for each in word.ids if each != self.unknown]].sum(axis=0)
        return found


@lru_cache(maxsize=1)  # all workspaces have the same
def read(folder: Path) -> Embedder:
    """Return what this folder has, read once a process.

    Raises:
        UnusableEmbeddings: it has no static embeddings, or there is nothing to read them with.
    """
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - an extra
        from safetensors.numpy import load_file  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError as error:
        raise UnusableEmbeddings("Embeddings need the extra akin[embeddings].") from error
    places = [folder / each for each in FOLDERS]
    place = next((each for each in places if all((each / name).is_file() for name in FILES)), None)
    if place is None:
        raise UnusableEmbeddings(f"{folder} has no {VECTORS} with a {TOKENIZER}.")
    try:
        arrays = load_file(place / VECTORS)
        tokenizer = Tokenizer.from_str((place / TOKENIZER).read_text(encoding="utf-8"))
        pieces = _pieces(arrays, tokenizer.get_vocab_size())
    except (OSError, ValueError, IndexError, SafetensorError) as error:
        raise UnusableEmbeddings(f"{folder} cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Embedder(tokenizer, pieces, _unknown(tokenizer), _version(place))


def _pieces(arrays: dict[str, NDArray[Any]], count: int) -> Floats:
    """Return the vector of each piece: several may share one, and have a weight each."""
    rows = next((arrays[name] for name in NAMES if name in arrays), np.zeros(0))
    if "mapping" in arrays:
        rows = rows[arrays["mapping"]]
    if rows.ndim != 2 or len(rows) != count:
        raise ValueError("there is not one vector for each piece")
    pieces: Floats = rows.astype(np.float32)
    if "weights" in arrays:
        pieces *= arrays["weights"].astype(np.float32)[:, None]
    if not np.isfinite(pieces).all():
        raise ValueError("vectors are not finite")
    return pieces


def _unknown(tokenizer: Tokenizer) -> int | None:
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    token = model.get("unk_token")
    found: int | None = tokenizer.token_to_id(token) if token else model.get("unk_id")
    return found


def _version(place: Path) -> str:
    """Return a hash of the files that count."""
    found = hashlib.sha256()
    for name in FILES:
        found.update(f"{name}\0{(place / name).stat().st_size}\0".encode())
        with (place / name).open("rb") as file:
            while part := file.read(CHUNK):
                found.update(part)
    return found.hexdigest()[:16]
