"""What aiohttp costs by itself: a handler that parses JSON and answers 200."""

import sys

import msgspec
import uvloop
from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    """Parse and answer."""
    msgspec.json.decode(await request.read())
    return web.Response()


def main() -> None:
    """Serve on the port given."""
    app = web.Application()
    app.router.add_post("/", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
