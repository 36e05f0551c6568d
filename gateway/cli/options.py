"""Option types shared by the commands."""

import re
from difflib import get_close_matches
from pathlib import Path

import click

from gateway.model.address import HostPort, Network
from gateway.model.reason import Reason
from gateway.model.store_url import StoreUrl


class _HostPort(click.ParamType[HostPort]):
    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> HostPort:
        try:
            return HostPort.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _StoreUrl(click.ParamType[StoreUrl]):
    name = "URL"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> StoreUrl:
        try:
            return StoreUrl.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Range(click.ParamType[str]):
    name = "CIDR"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(Network.parse(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Duration(click.ParamType[float]):
    """Seconds, written as 90s, 15m, 1h or 7d."""

    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 1h or 7d", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class _Device(click.ParamType[str]):
    name = "DIGITS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(r"[0-9a-f]{1,64}", str(value)) is None:
            self.fail("expected the digits that a log line shows as `device`, or the first of them", param, ctx)
        return str(value)


class _ReasonCode(click.ParamType[str]):
    name = "CODE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in set(Reason):
            close = ", ".join(get_close_matches(str(value), list(Reason))) or "docs/reference/reason-codes.md"
            self.fail(f"there is no reason code {str(value)!r}; see {close}", param, ctx)
        return str(value)


HOST_PORT = _HostPort()
DURATION = _Duration()
DEVICE = _Device()
REASON_CODE = _ReasonCode()
CIDR = _Range()
STORE_URL = _StoreUrl()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
