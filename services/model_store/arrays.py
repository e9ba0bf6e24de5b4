"""Arrays as plain `.npy` files, and lists of strings as arrays.

Source: NumPy enhancement proposal 1, format version 1.0. Object arrays, which are pickles, are refused in both
directions: the file is read by its header and its bytes, never by anything that could run what it holds.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from services.model_store.files import Content, Part

KINDS = "biuf"  # numpy's letters for booleans, integers, unsigned integers, floats
HEADER = 10_240  # bytes; numpy's own limit for a header is 10,000


def encode(array: NDArray[Any]) -> tuple[Part, Part]:
    """Return header and body of the `.npy` file: little-endian, C order, the same bytes for the same values.

    Raises:
        ValueError: the array holds objects, text, dates or records.
    """
    if array.dtype.kind not in KINDS:
        raise ValueError(
            f"An array of {array.dtype} cannot be stored; numbers can, and lists of strings by encode_strings."
        )
    plain = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    header = io.BytesIO()
    npy.write_array_header_1_0(header, npy.header_data_from_array_1_0(plain))
    return header.getvalue(), plain.reshape(-1).view(np.uint8).data


def decode(content: Content) -> NDArray[Any]:
    """Return the array, read-only and without a copy: it lies where `content` lies.

    Raises:
        ValueError: the bytes are not what `encode` writes.
    """
    dtype, shape, start = _header(content[:HEADER])
    if dtype.kind not in KINDS or dtype.byteorder == ">":
        raise ValueError(f"holds {dtype}, not plain numbers")
    if len(content) - start != math.prod(shape) * dtype.itemsize:
        raise ValueError("is not as long as its header says")
    if math.prod(shape) == 0:
        empty = np.empty(shape, dtype)
        empty.flags.writeable = False
        return empty
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def _header(content: bytes) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        shape, fortran, dtype = npy.read_array_header_1_0(stream)
    except (
        Exception
    ) as error:  # an edge: numpy's parser raises whatever a hostile header leads it to
        raise ValueError("is not a plain .npy file") from error
    if version != (1, 0) or fortran or any(length < 0 for length in shape):
        raise ValueError("is not a plain .npy file")
    return dtype, shape, stream.tell()


def encode_strings(strings: Sequence[str], *, name: str = "strings") -> dict[str, NDArray[Any]]:
    """Return two arrays for `ModelStore.publish`: UTF-8 text `uint8[bytes]`, and `int64[len + 1]` offsets into it.

    Raises:
        UnicodeEncodeError: a string is no valid Unicode text.
    """
    parts = [string.encode() for string in strings]
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    text = np.frombuffer(b"".join(parts), np.uint8)
    return {f"{name}.text": text, f"{name}.offsets": offsets}


def decode_strings(arrays: Mapping[str, NDArray[Any]], *, name: str = "strings") -> list[str]:
    """Return the strings that `encode_strings` took.

    Raises:
        KeyError: the arrays are not there.
        ValueError: they do not belong together, or are not UTF-8.
    """
    text, offsets = arrays[f"{name}.text"].tobytes(), arrays[f"{name}.offsets"].tolist()
    rising = all(start <= end for start, end in pairwise(offsets))
    if not rising or not offsets or offsets[0] != 0 or offsets[-1] != len(text):
        raise ValueError(f"{name}.offsets does not fit {name}.text.")
    return [text[s:e].decode() for s, e in pairwise(offsets)]
