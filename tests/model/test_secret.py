import json

import msgspec
import pytest

from gateway.model.secret import Secret


def test_a_secret_is_shown_nowhere_but_where_it_is_revealed() -> None:
    secret = Secret("hush-hush")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>5}".strip(), "%s" % secret, repr({"key": [secret]})]  # noqa: UP031
    assert not any("hush" in text for text in shown)
    assert repr(secret) == "***"
    assert secret.reveal() == "hush-hush"


def test_a_secret_cannot_be_encoded_by_accident() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret("hush-hush"))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("hush-hush"))


def test_a_secret_has_no_dictionary_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret("hush-hush"))


def test_secrets_are_equal_when_what_they_hold_is() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")
    assert Secret("one") != "one"
    assert {Secret("one"), Secret("one"), Secret("two")} == {Secret("two"), Secret("one")}


def test_only_an_empty_secret_is_false() -> None:
    assert Secret("one")
    assert Secret(" ")
    assert not Secret("")
