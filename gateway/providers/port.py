"""The port through which the rest of the gateway sends."""

from collections.abc import Collection
from typing import Protocol, TypeVar

from gateway.model.notification import Notification
from gateway.model.traffic import PoolStatistics
from gateway.model.verdict import Verdict

CredentialsT = TypeVar("CredentialsT", contravariant=True)


class Provider(Protocol[CredentialsT]):
    """Apple or Google, seen from inside."""

    async def prepare(self, credentials: CredentialsT) -> None:
        """Load keys and open what these credentials need, so that the first push need not.

        Raises:
            CredentialsError: the stored key cannot be used.
        """
        ...

    async def send(self, notification: Notification, credentials: CredentialsT, timeout: float) -> Verdict:
        """Send one push and return the verdict within `timeout` seconds.

        Never raises for what the network or the provider does.
        """
        ...

    async def check(self, credentials: CredentialsT, timeout: float) -> Verdict:
        """Ask the provider, within `timeout` seconds, whether it takes these credentials; nobody gets a push by it.

        Never raises, as `send`.
        """
        ...

    def retain(self, fingerprints: Collection[str]) -> None:
        """Begin to let go of all credentials but these; what is under way on them finishes."""
        ...

    def statistics(self) -> PoolStatistics:
        """Sum up all connection pools there are and have been, for the metrics."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
