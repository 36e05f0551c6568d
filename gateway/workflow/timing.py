"""When a notification is sent that the rules let pass: whoever sits before the message needs no push of it."""

from gateway.workflow.situation import Receiver, Status


def delay(receiver: Receiver, now: float, online_delay: float) -> float:
    """Return how many seconds a notification waits, by Rocket.Chat's queue.

    Online: the whole delay; away: what is left of it since the receiver went; offline: nothing. Busy is a wish, not a
    presence: who is busy counts as online. Away since an unknown moment counts as just now.

    Args:
        receiver: whom it is for.
        now: UNIX seconds.
        online_delay: seconds.
    """
    if receiver.status is Status.OFFLINE:
        return 0.0
    if receiver.status is not Status.AWAY or receiver.away_since is None:
        return online_delay
    return min(online_delay, max(0.0, online_delay - (now - receiver.away_since.timestamp())))
