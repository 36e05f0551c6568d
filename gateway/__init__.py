"""A private push gateway for Rocket.Chat: many servers, your own apps, Apple and Google."""

__version__ = "0.1.0"
