import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rocketchat.strict_json import AmbiguousJson, compact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_white_space_goes_and_the_meaning_stays(document: object, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    assert json.loads(compact(body)) == document


@pytest.mark.parametrize(
    "text",
    [
        '{"big":123456789012345678901234567890}',
        '{"fine":0.12345678901234567890}',
        '{"huge":1e400}',
        '{"zero":-0}',
        '{"slash":"\\/"}',
        '{"escaped":"\\u00fc\\ud83d\\ude00"}',
    ],
)
def test_numbers_and_strings_stay_as_they_were_written(text: str) -> None:
    assert compact(text.encode()) == text.encode()


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"", "truncated"),
        (b"nonsense", "malformed"),
        (b'{"a":NaN}', "malformed"),
        (b'{"a":Infinity}', "malformed"),
        (b'{"a":1} trailing', "malformed"),
        (b'\xef\xbb\xbf{"a":1}', "malformed"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":1,"a":1}', "stands twice"),
        (b'{"b":[{"a":1,"c":2,"a":3}]}', "stands twice"),
        (b'{"a":"\\ud800 and more text"}', "surrogate|escape"),
        (b'{"a":"\\udc00 and more text"}', "surrogate|escape"),
        (b"[" * 60_000 + b"]" * 60_000, "nested too deeply"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "nested too deeply"),
        (b'{"a":' * 20_000, "nested|truncated"),
        (b'{"a":' + b"1" * 5000 + b"}", "digits"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(body: bytes, because: str) -> None:
    with pytest.raises(AmbiguousJson, match=because):
        compact(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_ambiguous(body: bytes) -> None:
    with contextlib.suppress(AmbiguousJson):
        json.loads(compact(body))


ESCAPES = st.sampled_from(["\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud83d\\ude00", "\\u0041", "a", "ü", "\\\\"])


@given(st.lists(ESCAPES, max_size=8), st.lists(ESCAPES, max_size=8))
def test_no_lone_surrogate_gets_through(key: list[str], value: list[str]) -> None:
    body = f'{{"{"".join(key)}":"{"".join(value)}"}}'.encode()
    with contextlib.suppress(AmbiguousJson):
        json.dumps(json.loads(compact(body)), ensure_ascii=False).encode()
