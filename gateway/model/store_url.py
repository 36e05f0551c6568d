"""Where the store is."""

import re
from urllib.parse import unquote

from gateway.model.secret import Secret

_KNOWN = re.compile(r"sqlite:///.|mongodb(\+srv)?://.")
_SECRET_OPTIONS = re.compile(r"[?&](?:tlsCertificateKeyFilePassword|authMechanismProperties)=([^&]*)", re.IGNORECASE)


class StoreUrl(Secret):
    """`sqlite:///PATH`, `mongodb://...` or `mongodb+srv://...`; shown without user, password and options."""

    __slots__ = ()

    def __repr__(self) -> str:
        scheme, _, rest = self._value.partition("://")
        return self._value if self.path else f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"

    @classmethod
    def parse(cls, text: str) -> "StoreUrl":
        """Take a URL of a kind that there is a store for.

        Raises:
            ValueError: it is something else; the message does not repeat it.
        """
        if not _KNOWN.match(text):
            raise ValueError("Expected a URL such as sqlite:///data/gateway.db or mongodb://host/push_gateway")
        return cls(text)

    @property
    def path(self) -> str | None:
        """The file of an embedded store; None for a server's."""
        return self._value.removeprefix("sqlite:///") if self._value.startswith("sqlite:///") else None

    @property
    def options(self) -> frozenset[str]:
        """The names of the options behind the question mark, in lower case."""
        return frozenset(option.partition("=")[0].lower() for option in self._value.partition("?")[2].split("&"))

    def scrub(self, text: str) -> str:
        """Return what a driver says of this URL without a password, or a piece of one that was not percent-encoded."""
        password = self._value.partition("://")[2].rpartition("@")[0].partition(":")[2]
        secrets = [password, *re.split(r"[:/?#@&]", password), *_SECRET_OPTIONS.findall(self._value)]
        for secret in sorted({*secrets, *map(unquote, secrets)} - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text
