"""The rooms of the gateway and what they may know of each other, checked on every module's syntax tree."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parents[1] / "gateway"
MODULES = sorted(PACKAGE.rglob("*.py"))

STOREYS = (
    {"cli"},
    {"supervisor"},
    {"app"},
    {"web"},
    {"delivery", "workflow"},
    {"providers", "store"},
    {"rocketchat", "http2"},
    {"model"},
)
"""From the roof down: a room may import itself and whatever lies on lower storeys."""

SHARED = {"config", "observability"}
"""Stand beside the house on `model`, open to these."""
MAY_IMPORT_SHARED = {"cli", "supervisor", "app", "web", "delivery"}


def _below(room: str) -> set[str]:
    floor = next(number for number, storey in enumerate(STOREYS) if room in storey)
    lower = set().union(*STOREYS[floor + 1 :])
    return lower | SHARED if room in MAY_IMPORT_SHARED else lower


MAY_IMPORT: dict[str, set[str]] = {
    **{room: _below(room) for storey in STOREYS for room in storey},
    **{room: {"model"} for room in SHARED},
    "__main__": {"cli"},
    "": set(),
}
"""The package itself, "", imports nothing, so that anyone may ask it where it lies."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc"}
LONGEST_MODULE = 250
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 8


def dotted(path: Path) -> str:
    """The name that a module is imported by."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Every module of the gateway that `source` imports, wherever in it the import stands."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            asked = {alias.name for alias in node.names if base == "gateway"} & set(MAY_IMPORT)
            names = [f"{base}.{name}" for name in asked] or [base]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "gateway")


def breaches_of(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a module imports that its room must not know of."""
    room = room_of(module)
    allowed = MAY_IMPORT[room] | {room, ""}
    return [
        f"{module} imports {name}" for name in imports_of(source, module, is_package) if room_of(name) not in allowed
    ]


def function_lengths(source: str) -> dict[str, int]:
    """The lines of every function, by its place; those inside a function count for both."""
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {
        f"{node.name}, line {node.lineno}": (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions
    }


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_downwards_only(path: Path) -> None:
    assert breaches_of(path.read_text(), dotted(path), path.name == "__init__.py") == []


def test_every_room_has_its_place() -> None:
    assert {room_of(dotted(path)) for path in MODULES} - set(MAY_IMPORT) == set()


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_modules_are_short_and_so_are_their_functions(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= LONGEST_MODULE
    assert {name: lines for name, lines in function_lengths(source).items() if lines > LONGEST_FUNCTION} == {}


def test_the_usual_function_is_very_short() -> None:
    lengths = [lines for path in MODULES for lines in function_lengths(path.read_text()).values()]
    assert median(lengths) <= MEDIAN_FUNCTION


def test_modules_are_named_for_what_they_hold() -> None:
    parts = {part for path in MODULES for part in dotted(path).split(".")}
    assert parts & FORBIDDEN_NAMES == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gateway.model.app", "from gateway.store.port import Store"),
        ("gateway.http2.pool", "import gateway.providers.apns"),
        ("gateway.http2.pool", "from gateway.rocketchat.request import read"),
        ("gateway.store.sqlite", "from gateway.delivery.registry import Registry"),
        ("gateway.delivery.desk", "from gateway.web.push import PushDoor"),
        ("gateway.providers.apns", "from gateway.store.port import Store"),
        ("gateway.providers.apns", "from gateway.config import Settings"),
        ("gateway.observability.metrics", "from gateway.config import Settings"),
        ("gateway.config", "from gateway.store.port import Store"),
        ("gateway.web.push", "from gateway import app"),
        ("gateway.app", "from gateway.supervisor.crew import Crew"),
        ("gateway.supervisor.worker", "from gateway.cli.running import run"),
        ("gateway.web.push", "from ..cli import main"),
        ("gateway.web.push", "def later():\n    from gateway.app import open_gateway"),
        ("gateway.web.push", "if True:\n    import os, gateway.cli.main"),
    ],
)
def test_the_check_sees_a_way_up(module: str, source: str) -> None:
    assert len(breaches_of(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("gateway.web.push", "import json\nfrom gateway.delivery.desk import Desk\nfrom .body import read"),
        ("gateway.cli.serve", "from gateway.app import open_gateway\nfrom gateway.config import Settings"),
        ("gateway.http2.pool", "from gateway.http2.frames import Frame\nfrom gateway.model.clock import Clock"),
        ("gateway.web.pages", "import gateway"),
        ("gateway.web.pages", "from gateway import __version__"),
        ("gateway.model.app", "from gatewayish.store import anything"),
    ],
)
def test_the_check_lets_a_way_down_pass(module: str, source: str) -> None:
    assert breaches_of(source, module) == []


def test_the_check_reads_relative_imports_of_a_package() -> None:
    assert breaches_of("from .output import shown", "gateway.cli", is_package=True) == []
    assert breaches_of("from ..cli import main", "gateway.web", is_package=True) == ["gateway.web imports gateway.cli"]


def test_the_check_counts_lines_of_plain_async_and_inner_functions() -> None:
    body = "    pass\n" * 59
    source = f"async def outer():\n    def inner():\n        pass\n\ndef longer():\n{body}    pass\n"
    assert sorted(function_lengths(source).values()) == [2, 3, 61]
