"""Arrays and strings come back as they went; nothing but plain numbers is read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.model_store import decode_strings, encode_strings
from services.model_store.arrays import decode, encode

dtypes = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.floating_dtypes()
)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0, max_dims=3))


def joined(array: np.ndarray) -> bytes:
    return b"".join(encode(array))


@given(arrays)
def test_any_array_of_numbers_round_trips(array: np.ndarray) -> None:
    back = decode(joined(array))

    np.testing.assert_array_equal(back, array)
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("<")
    assert not back.flags.writeable


@given(arrays)
def test_numpy_itself_reads_what_was_written(array: np.ndarray) -> None:
    np.testing.assert_array_equal(np.load(io.BytesIO(joined(array)), allow_pickle=False), array)


def test_the_bytes_do_not_depend_on_layout_or_byte_order() -> None:
    plain = np.arange(12, dtype="<i4").reshape(3, 4)

    assert joined(np.asfortranarray(plain)) == joined(plain)
    assert joined(plain.astype(">i4")) == joined(plain)
    assert joined(np.repeat(plain, 2, axis=1)[:, ::2]) == joined(plain)


@given(arrays, st.data())
def test_a_mangled_file_is_a_value_error_or_another_array_but_never_a_crash(
    array: np.ndarray, choose: st.DataObject
) -> None:
    whole = bytearray(joined(array))
    position = choose.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= choose.draw(st.integers(1, 255))

    try:
        decode(bytes(whole))
    except ValueError:
        return


@given(st.binary(max_size=300))
@example(b"\x93NUMPY\x01\x00\xff\xff")
@example(b"\x93NUMPY\x01\x00\x05\x00((((\n")
@example(b"\x93NUMPY\x03\x00\x05\x00\x00\x00{'d'}")
def test_arbitrary_bytes_are_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        decode(content)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
@example([])
@example([""])
@example(["", "ä", "日本", "a\x00b", ""])
def test_any_list_of_strings_round_trips(strings: list[str]) -> None:
    encoded = encode_strings(strings, name="item_ids")

    assert decode_strings(encoded, name="item_ids") == strings
    assert set(encoded) == {"item_ids.text", "item_ids.offsets"}
    assert encoded["item_ids.offsets"].dtype == np.int64
    assert encoded["item_ids.text"].dtype == np.uint8


@pytest.mark.parametrize("offsets", [[], [0], [0, 3], [1, 2], [0, 2, 1, 2], [-1, 2]])
def test_offsets_that_do_not_fit_their_text_are_refused(offsets: list[int]) -> None:
    mixed = {
        "strings.text": np.frombuffer(b"ab", np.uint8),
        "strings.offsets": np.array(offsets, np.int64),
    }
    with pytest.raises(ValueError, match="does not fit"):
        decode_strings(mixed)


def test_a_string_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_strings(["\ud800"])
