"""The command line: `push-gateway`."""

from gateway.cli.main import main

__all__ = ["main"]
