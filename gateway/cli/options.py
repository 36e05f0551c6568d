"""Option types shared by the commands."""

from pathlib import Path

import click

from gateway.model.address import HostPort, Network
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


HOST_PORT = _HostPort()
CIDR = _Range()
STORE_URL = _StoreUrl()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
