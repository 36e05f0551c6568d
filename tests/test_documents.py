"""What the documentation says is what the program does."""

import re

import msgspec
import pytest

from gateway.config import Settings
from gateway.model.reason import Reason
from tests.documents import REASON_CODES, ROOT, readme, reason_codes

README = (ROOT / "README.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| (?:`(.*?)`)? ?\|", README, re.MULTILINE))


def test_the_page_of_reason_codes_is_what_the_code_makes() -> None:
    """Run `python -m tests.documents` when it is not."""
    assert REASON_CODES.read_text() == reason_codes()
    assert readme(README) == README


def test_every_reason_code_is_explained_once() -> None:
    codes = re.findall(r"^\| `(\w+)` \|", REASON_CODES.read_text(), re.MULTILINE)
    assert sorted(codes) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize(
    ("code", "status"),
    [("secret_missing", 401), ("apns_unregistered", 406), ("unknown_topic", 422), ("body_too_slow", 408)],
)
def test_the_page_gives_the_status(code: str, status: int) -> None:
    assert f"| `{code}` | {status} |" in REASON_CODES.read_text()


def settings() -> list[tuple[str, str]]:
    found = []
    for section in msgspec.structs.fields(Settings):
        part = getattr(Settings(), section.name)
        found += [
            (f"{section.name}.{field.name}", shown(getattr(part, field.name))) for field in msgspec.structs.fields(part)
        ]
    return found


def shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return "" if str(value) in ("", "***") else str(value)


@pytest.mark.parametrize(("key", "default"), settings())
def test_every_setting_and_its_default_stand_in_the_readme(key: str, default: str) -> None:
    assert ROWS[key] == default


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http|#)([^)#]+)\)", README))
def test_what_the_readme_links_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_readme_has_both_commands() -> None:
    assert "    python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/push-gateway demo\n" in README
    assert "    python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest\n" in README
