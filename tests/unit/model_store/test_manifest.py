"""Any manifest comes back as it went; any mangled one is refused, and with nothing but `DamagedVersion`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.model_store import DamagedVersion, Data, Draft, FileEntry, Manifest
from services.model_store.manifest import decode, encode, seal

# A manifest takes hypothesis some 10 ms to make; many mangles of each are tried instead.
few = settings(max_examples=30)
WHERE = "default/taste/0123456789abcdef"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, documents, max_size=2)
names = st.text("aZ09_-", min_size=1, max_size=5) | st.sampled_from(["a.npy", "x" * 100])
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
counts = st.integers(0, 2**53)
zones = st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001
data = st.builds(
    Data,
    start=st.none() | moments,
    end=st.none() | moments,
    rows=counts,
    users=counts,
    items=counts,
    sha256=hashes,
)
drafts = st.builds(
    Draft,
    code_version=texts,
    data=data,
    parameters=objects,
    serving=objects,
    metrics=objects,
    protocol=objects,
)
files = st.dictionaries(names, st.builds(FileEntry, sha256=hashes, size=counts), max_size=3)
manifests = st.builds(
    seal,
    drafts,
    workspace=names,
    name=names,
    files=files,
    created_at=moments,
)


@few
@given(manifests)
def test_any_manifest_round_trips(manifest: Manifest) -> None:
    assert decode(encode(manifest), where=WHERE) == manifest


@few
@given(drafts, files, moments)
def test_what_was_said_of_a_version_is_kept_word_for_word(
    draft: Draft, described: dict[str, FileEntry], moment: datetime
) -> None:
    sealed = seal(draft, workspace="w", name="n", files=described, created_at=moment)

    for field in draft.__struct_fields__:
        assert getattr(sealed, field) == getattr(draft, field)
    assert (sealed.files, sealed.created_at) == (described, moment)


@few
@given(drafts, files, moments, moments)
def test_the_same_input_gives_the_same_version_whenever_it_is_trained(
    draft: Draft, described: dict[str, FileEntry], one: datetime, other: datetime
) -> None:
    shuffled = dict(reversed(described.items()))

    first = seal(draft, workspace="w", name="n", files=described, created_at=one)
    second = seal(draft, workspace="w", name="n", files=shuffled, created_at=other)

    assert first.version == second.version


@few
@given(manifests, st.data())
def test_one_changed_byte_anywhere_is_noticed(manifest: Manifest, choose: st.DataObject) -> None:
    whole = bytearray(encode(manifest))
    positions = choose.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=20))
    flip = choose.draw(st.integers(1, 255))

    for position in positions:
        whole[position] ^= flip
        with pytest.raises(DamagedVersion, match=r"manifest\.json"):
            decode(bytes(whole), where=WHERE)
        whole[position] ^= flip


@few
@given(manifests, st.data())
def test_a_missing_or_additional_piece_anywhere_is_noticed(
    manifest: Manifest, choose: st.DataObject
) -> None:
    whole = encode(manifest)
    start = choose.draw(st.integers(0, len(whole)))
    end = choose.draw(st.integers(start, len(whole)))
    mangled = whole[:start] + choose.draw(st.binary(max_size=8)) + whole[end:]
    assume(mangled != whole)

    with pytest.raises(DamagedVersion):
        decode(mangled, where=WHERE)


@given(st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode()))
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedVersion):
        decode(content, where=WHERE)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else ()
    return found + [inner for key, child in children for inner in paths(child, (*path, key))]


@few
@given(manifests, documents, st.data())
def test_a_field_of_another_kind_is_never_another_exception(
    manifest: Manifest, value: Any, choose: st.DataObject
) -> None:
    content = json.loads(encode(manifest))
    *parents, last = choose.draw(st.sampled_from(paths(content)))
    holder = content
    for key in parents:
        holder = holder[key]
    assume(holder[last] != value or type(holder[last]) is not type(value))
    holder[last] = value

    with pytest.raises(DamagedVersion):
        decode(json.dumps(content, sort_keys=True, indent=2).encode() + b"\n", where=WHERE)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"metrics":' + b'{"a":' * 5_000,
        b"1" * 100_000,
        b"1e999999999",
        b'"\\ud800"',
        b"\x00",
        b"",
    ],
)
def test_hostile_json_is_refused_without_a_crash(content: bytes) -> None:
    with pytest.raises(DamagedVersion):
        decode(content, where=WHERE)


def test_deep_nesting_inside_a_known_field_is_refused() -> None:
    manifest = seal(
        Draft(
            code_version="1",
            data=Data(start=None, end=None, rows=0, users=0, items=0, sha256="0" * 64),
            parameters={},
            serving={},
            metrics={},
            protocol={},
        ),
        workspace="w",
        name="n",
        files={},
        created_at=datetime.now(UTC),
    )
    for depth in (300, 900, 5_000):
        deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(DamagedVersion):
            decode(encode(manifest).replace(b'"metrics": {}', b'"metrics": ' + deep), where=WHERE)
