"""Every reason code of the gateway: one word, what it means, what to do.

The same word stands in the answer (`code`, `Gateway-Outcome`), the log line, the metric label and the README.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A reason code; `meaning` says what happened, `remedy` what an administrator does about it."""

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str, remedy: str = "") -> Self:
        """Make the member equal to its code and keep the two sentences on it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.remedy = remedy
        return member

    @property
    def text(self) -> str:
        """Meaning and remedy as one line, for answers and tables."""
        return f"{self.meaning} {self.remedy}".strip()

    DELIVERED = "delivered", "Apple or Google took the push."

    SECRET_MISSING = (
        "secret_missing",
        "The URL names no workspace.",
        "Set Push_gateway to the URL that `push-gateway workspace add` printed: https://<gateway>/w/<secret>",
    )
    WORKSPACE_UNKNOWN = (
        "workspace_unknown",
        "No workspace has this secret.",
        "Run `push-gateway workspace rotate NAME` and set Push_gateway to the URL it prints.",
    )
    WORKSPACE_SUSPENDED = (
        "workspace_suspended",
        "This workspace is suspended.",
        "The gateway's operator lifts it with `push-gateway workspace resume NAME`.",
    )
    ADDRESS_NOT_ALLOWED = (
        "address_not_allowed",
        "The request comes from an address outside the workspace's --allow-from.",
        "Add the server's address to --allow-from, or the reverse proxy's to `trusted_proxies`.",
    )
    UNIQUE_ID_MISMATCH = (
        "unique_id_mismatch",
        "The request's uniqueId is not the one this workspace is pinned to.",
        "Pin the server's own uniqueId with `push-gateway workspace update NAME --unique-id ID`.",
    )
    UNIQUE_ID_MISSING = (
        "unique_id_missing",
        'The request has no options.uniqueId: "Server notifications are misconfigured!"',
        "Rocket.Chat 0.74.3 or newer is required, and the workspace must be registered: check at <server>/admin/cloud.",
    )
    INVALID_JSON = (
        "invalid_json",
        "The body is not plain JSON.",
        'A push is {"token": "...", "options": {...}}: UTF-8, no NaN, no duplicate keys, no deep nesting.',
    )
    INVALID_REQUEST = (
        "invalid_request",
        "A field of the body is missing or of the wrong type.",
        "The text of the answer names the field.",
    )
    TOKEN_MALFORMED = (
        "token_malformed",
        "The device token is empty, too long, or has characters that neither Apple nor Google uses.",
        "Remove the token on the server; the app registers a new one when it is opened.",
    )
    BODY_TOO_LARGE = (
        "body_too_large",
        "The body is larger than 128 KiB.",
        "Look for what makes the notification so large; Apple and Google take 4 KiB.",
    )
    BODY_TOO_SLOW = (
        "body_too_slow",
        "The body did not arrive within 10 seconds.",
        "Look at the network between the server and the gateway.",
    )
    TOPIC_MISSING = (
        "topic_missing",
        "An apn request must name the app in options.topic.",
        "Rocket.Chat takes it from the app's registration; register the app's token with its bundle id.",
    )
    UNKNOWN_TOPIC = (
        "unknown_topic",
        "No app of this workspace has this topic.",
        "Add it with `push-gateway app update NAME --apns-topic TOPIC`, or allow the workspace the app.",
    )
    NO_APP_FOR_PLATFORM = (
        "no_app_for_platform",
        "No app of this workspace has credentials for this platform.",
        "Add them with `push-gateway app update NAME --fcm-service-account FILE`.",
    )
    PAYLOAD_TOO_LARGE = (
        "payload_too_large",
        "The push cannot be made to fit: Apple and Google take 4096 bytes, Apple 5120 for VoIP.",
        "Shorten what the server puts into `payload`.",
    )
    VOIP_EXPIRED = (
        "voip_expired",
        "The call's 60 seconds are over; a late ring would be a phantom call.",
        "Look at the server's clock and at the way between server and gateway.",
    )
    STARTING = (
        "starting",
        "The gateway is starting and does not know its workspaces yet.",
        "It comes by itself; if not, /readyz says what is missing.",
    )
    STORE_UNAVAILABLE = (
        "store_unavailable",
        "The gateway's store does not answer, so it cannot tell whether it knows this workspace or topic.",
        "It comes by itself; if not, the gateway's log and /readyz say what is wrong with the store.",
    )
    BODY_UNREADABLE = (
        "body_unreadable",
        "The body was cut short, or is not compressed the way its headers say.",
        "Look at the network and the proxies between the server and the gateway.",
    )
    INTERNAL_ERROR = (
        "internal_error",
        "The gateway failed on this push.",
        "The gateway's log has the request id and where it failed; please report it.",
    )

    APNS_UNREGISTERED = (
        "apns_unregistered",
        "Apple: the device token is no longer active for the topic (410 Unregistered).",
        "Nothing to do: the server removes the token.",
    )
    APNS_EXPIRED_TOKEN = (
        "apns_expired_token",
        "Apple: the device token has expired (410 ExpiredToken).",
        "Nothing to do: the server removes the token.",
    )
    APNS_BAD_DEVICE_TOKEN = (
        "apns_bad_device_token",
        "Apple: not a device token of this app (400 BadDeviceToken); the credential is proven good.",
        "Nothing to do: the server removes the token.",
    )
    APNS_BAD_DEVICE_TOKEN_UNPROVEN = (
        "apns_bad_device_token_unproven",
        "Apple: BadDeviceToken, but this credential has not delivered anything in this environment yet.",
        "If it stays so, the environment is wrong: `push-gateway app update NAME --apns-environment ...`.",
    )
    APNS_DEVICE_TOKEN_NOT_FOR_TOPIC = (
        "apns_device_token_not_for_topic",
        "Apple: the device token belongs to another topic.",
        "Compare the app's bundle id with the topics in `push-gateway app show NAME`.",
    )
    APNS_TOPIC_DISALLOWED = (
        "apns_topic_disallowed",
        "Apple: this key or certificate may not send to the topic.",
        "Compare team and bundle id with `push-gateway app show NAME`.",
    )
    APNS_BAD_TOPIC = ("apns_bad_topic", "Apple: the topic is not valid.", "Correct the app's --apns-topic.")
    APNS_MISSING_TOPIC = (
        "apns_missing_topic",
        "Apple: the topic is missing.",
        "Give the app its --apns-topic.",
    )
    APNS_BAD_COLLAPSE_ID = ("apns_bad_collapse_id", "Apple: the collapse id is not valid.", "Please report it.")
    APNS_BAD_EXPIRATION_DATE = (
        "apns_bad_expiration_date",
        "Apple: the expiration is not valid.",
        "Please report it.",
    )
    APNS_BAD_MESSAGE_ID = ("apns_bad_message_id", "Apple: the apns-id is not valid.", "Please report it.")
    APNS_BAD_PRIORITY = ("apns_bad_priority", "Apple: the priority is not valid.", "Please report it.")
    APNS_DUPLICATE_HEADERS = (
        "apns_duplicate_headers",
        "Apple: a header stands twice.",
        "Please report it.",
    )
    APNS_IDLE_TIMEOUT = ("apns_idle_timeout", "Apple closed an idle connection.", "It is tried again.")
    APNS_INVALID_PUSH_TYPE = (
        "apns_invalid_push_type",
        "Apple: the push type is not valid.",
        "Please report it.",
    )
    APNS_MISSING_DEVICE_TOKEN = (
        "apns_missing_device_token",
        "Apple: the device token is missing.",
        "Please report it.",
    )
    APNS_PAYLOAD_EMPTY = ("apns_payload_empty", "Apple: the payload is empty.", "Please report it.")
    APNS_BAD_PATH = ("apns_bad_path", "Apple: the path is not valid.", "Check `apns_production_url`.")
    APNS_METHOD_NOT_ALLOWED = (
        "apns_method_not_allowed",
        "Apple: the method is not POST.",
        "Check `apns_production_url` and the egress proxy.",
    )
    APNS_FORBIDDEN = ("apns_forbidden", "Apple: the action is not allowed.", "Look at the Apple account.")
    APNS_BAD_CERTIFICATE = (
        "apns_bad_certificate",
        "Apple refuses the certificate.",
        "Replace it: `push-gateway app update NAME --apns-certificate FILE`.",
    )
    APNS_BAD_CERTIFICATE_ENVIRONMENT = (
        "apns_bad_certificate_environment",
        "Apple: the certificate is for the other environment.",
        "Set --apns-environment to the certificate's.",
    )
    APNS_INVALID_PROVIDER_TOKEN = (
        "apns_invalid_provider_token",
        "Apple refuses the key: wrong key, key id or team id, or the key was revoked.",
        "Compare them with the Apple account: `push-gateway app show NAME`.",
    )
    APNS_MISSING_PROVIDER_TOKEN = (
        "apns_missing_provider_token",
        "Apple got neither a certificate nor a provider token.",
        "Give the app a key or certificate.",
    )
    APNS_UNRELATED_KEY_ID_IN_TOKEN = (
        "apns_unrelated_key_id_in_token",
        "Apple: the key id does not belong to the key used before on this connection.",
        "Check --apns-key-id.",
    )
    APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN = (
        "apns_bad_environment_key_id_in_token",
        "Apple: the key is for the other environment.",
        "Set --apns-environment to the key's, or use a key for both.",
    )
    APNS_EXPIRED_PROVIDER_TOKEN = (
        "apns_expired_provider_token",
        "Apple: the provider token is too old, even after it was made anew.",
        "Set this machine's clock.",
    )
    APNS_PAYLOAD_TOO_LARGE = (
        "apns_payload_too_large",
        "Apple: the payload is too large.",
        "Shorten what the server puts into `payload`.",
    )
    APNS_TOO_MANY_REQUESTS = (
        "apns_too_many_requests",
        "Apple: too many pushes to this device in a row.",
        "The server comes back by itself.",
    )
    APNS_TOO_MANY_PROVIDER_TOKEN_UPDATES = (
        "apns_too_many_provider_token_updates",
        "Apple: the provider token changes too often.",
        "Is the same key used by another program? The server comes back by itself.",
    )
    APNS_INTERNAL_SERVER_ERROR = (
        "apns_internal_server_error",
        "Apple had an internal error.",
        "The server comes back by itself.",
    )
    APNS_SERVICE_UNAVAILABLE = (
        "apns_service_unavailable",
        "Apple's service is unavailable.",
        "The server comes back by itself.",
    )
    APNS_SHUTDOWN = ("apns_shutdown", "Apple's server is shutting down.", "The server comes back by itself.")
    APNS_UNREACHABLE = (
        "apns_unreachable",
        "No connection to Apple.",
        "Check DNS, firewall (443 or 2197 outbound) and proxy; the server comes back by itself.",
    )
    APNS_UNANSWERED = (
        "apns_unanswered",
        "Apple did not answer in time; the push may have arrived.",
        "The server comes back by itself.",
    )
    APNS_UNKNOWN_ANSWER = (
        "apns_unknown_answer",
        "Apple answered something the gateway does not know.",
        "The log line has the status; please report it.",
    )

    FCM_UNREGISTERED = (
        "fcm_unregistered",
        "Google: the app instance was unregistered.",
        "Nothing to do: the server removes the token.",
    )
    FCM_INVALID_TOKEN = (
        "fcm_invalid_token",
        "Google: not a registration token (violation of message.token); the credential is proven good.",
        "Nothing to do: the server removes the token.",
    )
    FCM_INVALID_TOKEN_UNPROVEN = (
        "fcm_invalid_token_unproven",
        "Google: not a registration token, but this credential has not delivered anything yet.",
        "If it stays so, the Firebase project is another one than the app's.",
    )
    FCM_INVALID_ARGUMENT = (
        "fcm_invalid_argument",
        "Google: the message is not valid.",
        "Please report it with the log line.",
    )
    FCM_SENDER_ID_MISMATCH = (
        "fcm_sender_id_mismatch",
        "Google: the token belongs to another Firebase project.",
        "Allow the workspace the app that this token belongs to.",
    )
    FCM_PERMISSION_DENIED = (
        "fcm_permission_denied",
        "Google: the service account may not send messages.",
        "Give it the role Firebase Cloud Messaging API Admin and enable the API.",
    )
    FCM_UNAUTHENTICATED = (
        "fcm_unauthenticated",
        "Google refuses the access token, even after it was made anew.",
        "Replace the service account: `push-gateway app update NAME --fcm-service-account FILE`.",
    )
    FCM_THIRD_PARTY_AUTH_ERROR = (
        "fcm_third_party_auth_error",
        "Google: the project's APNs or web push credentials are missing or wrong.",
        "The token is not an Android one; look at the Firebase project.",
    )
    FCM_PROJECT_NOT_FOUND = (
        "fcm_project_not_found",
        "Google does not know the Firebase project.",
        "Compare project_id in the service account file with the Firebase console.",
    )
    FCM_OAUTH_REFUSED = (
        "fcm_oauth_refused",
        "Google refuses the service account: wrong or deleted key, or this machine's clock is off.",
        "Set the clock, or replace the service account file.",
    )
    FCM_QUOTA_EXCEEDED = (
        "fcm_quota_exceeded",
        "Google: the quota of the project or device is used up.",
        "The server comes back by itself; ask Google for more if it stays so.",
    )
    FCM_INTERNAL = ("fcm_internal", "Google had an internal error.", "The server comes back by itself.")
    FCM_UNAVAILABLE = (
        "fcm_unavailable",
        "Google's service is unavailable.",
        "The server comes back by itself.",
    )
    FCM_OAUTH_UNAVAILABLE = (
        "fcm_oauth_unavailable",
        "Google's token endpoint gives no token now.",
        "Check DNS, firewall and proxy; the server comes back by itself.",
    )
    FCM_UNREACHABLE = (
        "fcm_unreachable",
        "No connection to Google.",
        "Check DNS, firewall (443 outbound) and proxy; the server comes back by itself.",
    )
    FCM_UNANSWERED = (
        "fcm_unanswered",
        "Google did not answer in time; the push may have arrived.",
        "The server comes back by itself.",
    )
    FCM_UNKNOWN_ANSWER = (
        "fcm_unknown_answer",
        "Google answered something the gateway does not know.",
        "The log line has the status; please report it.",
    )
