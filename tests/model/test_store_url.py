import pytest

from gateway.model.store_url import StoreUrl


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sqlite:///data/gateway.db", "sqlite:///data/gateway.db"),
        ("sqlite:////var/lib/push@gateway/store?.db", "sqlite:////var/lib/push@gateway/store?.db"),
        ("mongodb://db/push", "mongodb://db/push"),
        ("mongodb://user:hush@a:1,b:2/push?replicaSet=rs0&w=1", "mongodb://a:1,b:2/push"),
        ("mongodb+srv://user:hush@db.example.com", "mongodb+srv://db.example.com"),
        ("mongodb://user:hu?sh@db/push", "mongodb://db/push"),
        ("mongodb://user:hu@sh@db", "mongodb://db"),
        ("mongodb://user:hu/sh@db", "mongodb://db"),
        ("mongodb://db/push?tls=true&tlsCertificateKeyFilePassword=hush", "mongodb://db/push"),
    ],
)
def test_a_store_url_shows_where_the_store_is_and_no_more(text: str, shown: str) -> None:
    url = StoreUrl.parse(text)
    assert (repr(url), str(url), f"{url}") == (shown,) * 3
    assert url.reveal() == text


@pytest.mark.parametrize(
    "text", ["", "gateway.db", "sqlite://gateway.db", "sqlite:///", "mongodb://", "mysql://u:hush@db"]
)
def test_another_kind_of_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Expected a URL such as sqlite:///data/gateway\.db or mongodb://\S+$"):
        StoreUrl.parse(text)


@pytest.mark.parametrize(
    ("url", "said", "scrubbed"),
    [
        ("mongodb://user:hush@db", "user:hush is wrong", "user:*** is wrong"),
        ("mongodb://user:hu%40sh@db", "hu@sh and hu%40sh", "*** and ***"),
        ("mongodb://user:hu/sh:now@db", "port 'hu' or 'sh' or 'now'", "port '***' or '***' or '***'"),
        ("mongodb://db/?tlsCertificateKeyFilePassword=hush&w=1", "no hush with w=1", "no *** with w=1"),
        ("mongodb://db", "nothing to hide", "nothing to hide"),
        ("mongodb://user@db", "user is not known", "user is not known"),
    ],
)
def test_what_a_driver_says_is_freed_of_the_password_and_its_pieces(url: str, said: str, scrubbed: str) -> None:
    assert StoreUrl(url).scrub(said) == scrubbed


def test_the_options_are_named_in_lower_case() -> None:
    assert StoreUrl("mongodb://db/push?replicaSet=rs0&timeoutMS=9").options >= {"replicaset", "timeoutms"}
    assert "w" not in StoreUrl("mongodb://db/push").options


def test_only_an_embedded_store_has_a_path() -> None:
    assert StoreUrl("sqlite:///data/gateway.db").path == "data/gateway.db"
    assert StoreUrl("mongodb://db/push").path is None
