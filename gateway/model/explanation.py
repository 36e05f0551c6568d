"""What each reason code means, and what an administrator does about it."""

from typing import NamedTuple

from gateway.model.provider_explanations import OF_APPLE, OF_GOOGLE
from gateway.model.reason import Reason


class Explanation(NamedTuple):
    """What happened, and the way out; "" where there is nothing to do."""

    meaning: str
    remedy: str


def explain(reason: Reason) -> Explanation:
    """Explain a reason code in two sentences."""
    return _ALL[reason]


_OWN = {
    Reason.DELIVERED: (
        "Apple or Google took the push.",
        "",
    ),
    Reason.STORED_LATER: (
        "Apple or Google could not take the push just now; the gateway keeps it and tries again.",
        "",
    ),
    Reason.STORED_SLOW: (
        "Apple or Google has not answered yet; the gateway keeps the push and sees it through.",
        "",
    ),
    Reason.STORED_RESTING: (
        "Apple or Google does not take this app's pushes at the moment; the gateway keeps the push until they do.",
        "",
    ),
    Reason.STORED_IN_LINE: (
        "Earlier pushes to this device are still kept; the gateway sends this one after them.",
        "",
    ),
    Reason.STORED_BUSY: (
        "As many of this app's pushes as may be wait for Apple or Google; the gateway keeps this one for the moment.",
        "",
    ),
    Reason.STORED_HELD: (
        "The app or the workspace is on hold, or the guard has tripped; the gateway keeps the push until that ends.",
        "The operator ends it: `push-gateway app resume NAME`, `... workspace resume NAME`, `... guard reset NAME`.",
    ),
    Reason.FORWARDED: (
        "The official gateway took the push.",
        "",
    ),
    Reason.DUPLICATE: (
        "The same push has come before and is delivered, or kept to be.",
        "",
    ),
    Reason.EXPIRED: (
        "The gateway kept the push, and its time was over before Apple or Google took it.",
        "The gateway's log says what it waited for: the line `stored_push_finished` with the push's id.",
    ),
    Reason.WORKSPACE_GONE: (
        "The gateway kept the push, and its workspace was removed or suspended before it could be sent.",
        "",
    ),
    Reason.SECRET_MISSING: (
        "The URL names no workspace.",
        "Set Push_gateway to the URL that `push-gateway workspace add` printed: https://<gateway>/w/<secret>",
    ),
    Reason.WORKSPACE_UNKNOWN: (
        "No workspace has this secret.",
        "Run `push-gateway workspace rotate NAME` and set Push_gateway to the URL it prints.",
    ),
    Reason.WORKSPACE_SUSPENDED: (
        "This workspace is suspended.",
        "The gateway's operator lifts it with `push-gateway workspace resume NAME`.",
    ),
    Reason.ADDRESS_NOT_ALLOWED: (
        "The request comes from an address outside the workspace's --allow-from.",
        "Add the server's address to --allow-from, or the reverse proxy's to `trusted_proxies`.",
    ),
    Reason.UNIQUE_ID_MISMATCH: (
        "The request's uniqueId is not the one this workspace is pinned to.",
        "Pin the server's own uniqueId with `push-gateway workspace update NAME --unique-id ID`.",
    ),
    Reason.UNIQUE_ID_MISSING: (
        'The request has no options.uniqueId: "Server notifications are misconfigured!"',
        "Rocket.Chat 0.74.3 or newer is required, and the workspace must be registered: check at <server>/admin/cloud.",
    ),
    Reason.INVALID_JSON: (
        "The body is not plain JSON.",
        'A push is {"token": "...", "options": {...}}: UTF-8, no NaN, no duplicate keys, no deep nesting.',
    ),
    Reason.INVALID_REQUEST: (
        "A field of the body is missing or of the wrong type.",
        'A push is {"token": "...", "options": {"uniqueId": "...", ...}}.',
    ),
    Reason.TOKEN_MALFORMED: (
        "The device token is empty, too long, or has characters that neither Apple nor Google uses.",
        "Remove the token on the server; the app registers a new one when it is opened.",
    ),
    Reason.BODY_TOO_LARGE: (
        "The body is larger than 128 KiB.",
        "Look for what makes the notification so large; Apple and Google take 4 KiB.",
    ),
    Reason.BODY_TOO_SLOW: (
        "The body did not arrive within 10 seconds.",
        "Look at the network between the server and the gateway.",
    ),
    Reason.TOPIC_MISSING: (
        "An apn request must name the app in options.topic.",
        "Rocket.Chat takes it from the app's registration; register the app's token with its bundle id.",
    ),
    Reason.UNKNOWN_TOPIC: (
        "No app of this workspace has this topic.",
        "Add it with `push-gateway app update NAME --apns-topic TOPIC`, or allow the workspace the app.",
    ),
    Reason.NO_APP_FOR_PLATFORM: (
        "No app of this workspace has credentials for this platform.",
        "Add them with `push-gateway app update NAME --fcm-service-account FILE`.",
    ),
    Reason.PAYLOAD_TOO_LARGE: (
        "The push cannot be made to fit: Apple and Google take 4096 bytes, Apple 5120 for VoIP.",
        "Shorten what the server puts into `payload`.",
    ),
    Reason.VOIP_EXPIRED: (
        "The call's 60 seconds are over; a late ring would be a phantom call.",
        "Look at the server's clock and at the way between server and gateway.",
    ),
    Reason.QUOTA_MONTH: (
        "The workspace has sent as many pushes this month as it may.",
        "The gateway's operator can raise its limit with `push-gateway workspace update NAME --per-month N`.",
    ),
    Reason.APP_QUOTA_MONTH: (
        "As many pushes as may be have gone to this app this month.",
        "The gateway's operator can raise its limit with `push-gateway app update NAME --per-month N`.",
    ),
    Reason.WORKSPACE_RATE: (
        "The workspace sends faster than it may.",
        "It comes back by itself. The operator can raise the limit: `push-gateway workspace update NAME --rate N`.",
    ),
    Reason.APP_RATE: (
        "Pushes to this app come faster than they may.",
        "It comes back by itself. The operator can raise the limit: `push-gateway app update NAME --rate N`.",
    ),
    Reason.WORKSPACE_BUSY: (
        "As many requests of this workspace as may be are being worked on.",
        "It comes back by itself. A Rocket.Chat server sends one push at a time: see who else uses its secret.",
    ),
    Reason.APP_BUSY: (
        "As many of this app's pushes as may be are waiting for Apple or Google, and this one cannot be kept.",
        "The server comes back by itself. If it stays so, Apple or Google is slow, or limits.app_in_flight is too low.",
    ),
    Reason.FAILED_TOO_OFTEN: (
        "Too many requests with unknown secrets have come from this address within a minute.",
        "Give the servers there the right Push_gateway: `push-gateway workspace rotate NAME` prints a new one.",
    ),
    Reason.GUARD_TRIPPED: (
        "Apple or Google refuses many tokens of this app at once: rather its key, topic or environment is wrong.",
        "See `push-gateway guard show`; mend the app's credentials, or type `push-gateway guard reset APP`.",
    ),
    Reason.GUARD_UNCONFIRMED: (
        "Apple or Google calls the token dead, but others of this app too, and has taken nothing in between.",
        "Nothing to do: if the token is dead, it ends with a later push, once the app delivers to another.",
    ),
    Reason.FORWARDED_TOKEN_DEAD: (
        "The official gateway says that the device token is dead.",
        "Nothing to do: the server removes the token.",
    ),
    Reason.FORWARDED_TOKEN_KEPT: (
        "The official gateway says that the device token is dead, but one of our own apps has delivered to it.",
        "Nothing to do: the token stays, and own apps go on delivering to it.",
    ),
    Reason.FORWARDED_REJECTED: (
        "The official gateway rejected the push.",
        "Check the workspace's registration and its push quota at <server>/admin/cloud.",
    ),
    Reason.FORWARDED_UNAUTHORIZED: (
        "The official gateway does not accept the workspace's access token.",
        "Register the workspace again at <server>/admin/cloud.",
    ),
    Reason.FORWARDED_LATER: (
        "The official gateway did not take the push; the answer has its status.",
        "The server comes back by itself.",
    ),
    Reason.FORWARDING_FAILED: (
        "The official gateway cannot be reached, or did not answer in time.",
        "The server comes back by itself; if it stays so, see whether the gateway reaches forwarding.url.",
    ),
    Reason.FORWARDING_PAUSED: (
        "The official gateway rejected a push of this workspace within the last hour; until then none is forwarded.",
        "Check the workspace's registration and its push quota at <server>/admin/cloud.",
    ),
    Reason.STARTING: (
        "The gateway is starting and does not know its workspaces yet.",
        "It comes by itself; if not, /readyz says what is missing.",
    ),
    Reason.STORE_UNAVAILABLE: (
        "The gateway's store does not answer; this push needs it, to be kept or to be sure where it may go.",
        "It comes by itself; if not, the gateway's log and /readyz say what is wrong with the store.",
    ),
    Reason.OUTBOX_FULL: (
        "Apple or Google does not take the push now, and the gateway keeps as many as it may.",
        "The server comes back by itself. See why so many wait, or raise delivery.outbox_max in the settings.",
    ),
    Reason.OUTBOX_SHARE_FULL: (
        "Apple or Google does not take the push now, and the gateway keeps as many of this workspace as it may.",
        "The server comes back by itself. The gateway's operator can raise delivery.outbox_max_per_workspace.",
    ),
    Reason.OUTBOX_APP_SHARE_FULL: (
        "Apple or Google does not take the push now, and the gateway keeps as many of this app as it may.",
        "It comes back by itself. The operator can raise the limit: `push-gateway app update NAME --outbox N`.",
    ),
    Reason.BODY_UNREADABLE: (
        "The body was cut short, or is not compressed the way its headers say.",
        "Look at the network and the proxies between the server and the gateway.",
    ),
    Reason.OUT_OF_TIME: (
        "The time for which a server waits was used up before every app of the workspace had been tried.",
        "The server comes back by itself; if it stays so, Apple or Google is slow.",
    ),
    Reason.CREDENTIALS_UNUSABLE: (
        "The app's stored key cannot be used.",
        "Give it again: `push-gateway app update NAME ...`; the gateway's log says what is wrong with it.",
    ),
    Reason.INTERNAL_ERROR: (
        "The gateway failed on this push.",
        "The gateway's log has the request id and where it failed; please report it.",
    ),
}

_ALL = {reason: Explanation(*words) for reason, words in (_OWN | OF_APPLE | OF_GOOGLE).items()}
