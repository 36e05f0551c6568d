"""The control door: what was received, and what shall be answered next. Plain HTTP, JSON.

GET /received      the pushes received, in order of arrival
DELETE /received   forget them
GET /rules         the rules in force, with what is left of their `times`
PUT /rules         replace them; 422 names the item and the field that cannot be taken
GET /healthz       {"status": "ok"}
"""

import socket

import msgspec
from aiohttp import web

from gateway.providers.simulator.ledger import Ledger
from gateway.providers.simulator.rules import BadRules, Rules, parse_rules


class ControlDoor:
    """Serves the control door on one socket."""

    def __init__(self, rules: Rules, ledger: Ledger) -> None:
        self._rules = rules
        self._ledger = ledger
        self._runner: web.AppRunner | None = None

    async def start(self, door: socket.socket) -> None:
        """Listen on a bound socket and own it from now on."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/received", self._show_received),
                web.delete("/received", self._clear_received),
                web.get("/rules", self._show_rules),
                web.put("/rules", self._put_rules),
                web.get("/healthz", self._health),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, door).start()

    async def stop(self) -> None:
        """Close the door; again is harmless."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _show_received(self, _: web.Request) -> web.Response:
        return _json(self._ledger.entries())

    async def _clear_received(self, _: web.Request) -> web.Response:
        self._ledger.clear()
        return web.Response(status=204)

    async def _show_rules(self, _: web.Request) -> web.Response:
        return _json(self._rules.current())

    async def _put_rules(self, request: web.Request) -> web.Response:
        try:
            self._rules.replace(parse_rules(await request.read()))
        except BadRules as bad:
            return _json({"error": bad.what, "item": bad.item, "field": bad.field}, 422)
        return _json(self._rules.current())

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
