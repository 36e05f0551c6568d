"""What Apple's and Google's answers mean, and what an administrator does about them."""

from gateway.model.reason import Reason

OF_APPLE = {
    Reason.APNS_UNREGISTERED: (
        "Apple: the device token is no longer active for the topic (410 Unregistered).",
        "Nothing to do: the server removes the token.",
    ),
    Reason.APNS_UNREGISTERED_STALE: (
        "Apple: no longer active (410), but since a time before this server used the token; it may have come back.",
        "Nothing to do: the token ends when Apple says so three times over 24 hours.",
    ),
    Reason.APNS_EXPIRED_TOKEN: (
        "Apple: the device token has expired (410 ExpiredToken).",
        "Nothing to do: the server removes the token.",
    ),
    Reason.APNS_BAD_DEVICE_TOKEN: (
        "Apple: not a device token of this app (400 BadDeviceToken); the credential is proven good.",
        "Nothing to do: the server removes the token.",
    ),
    Reason.APNS_BAD_DEVICE_TOKEN_UNPROVEN: (
        "Apple: BadDeviceToken, but this credential has not delivered anything in this environment yet.",
        "If it stays so, the environment is wrong: `push-gateway app update NAME --apns-environment ...`.",
    ),
    Reason.APNS_DEVICE_TOKEN_NOT_FOR_TOPIC: (
        "Apple: the device token belongs to another topic.",
        "Compare the app's bundle id with the topics in `push-gateway app show NAME`.",
    ),
    Reason.APNS_TOPIC_DISALLOWED: (
        "Apple: this key or certificate may not send to the topic.",
        "Compare team and bundle id with `push-gateway app show NAME`.",
    ),
    Reason.APNS_BAD_TOPIC: (
        "Apple: the topic is not valid.",
        "Correct the app's --apns-topic.",
    ),
    Reason.APNS_MISSING_TOPIC: (
        "Apple: the topic is missing.",
        "Give the app its --apns-topic.",
    ),
    Reason.APNS_BAD_COLLAPSE_ID: (
        "Apple: the collapse id is not valid.",
        "Please report it.",
    ),
    Reason.APNS_BAD_EXPIRATION_DATE: (
        "Apple: the expiration is not valid.",
        "Please report it.",
    ),
    Reason.APNS_BAD_MESSAGE_ID: (
        "Apple: the apns-id is not valid.",
        "Please report it.",
    ),
    Reason.APNS_BAD_PRIORITY: (
        "Apple: the priority is not valid.",
        "Please report it.",
    ),
    Reason.APNS_DUPLICATE_HEADERS: (
        "Apple: a header stands twice.",
        "Please report it.",
    ),
    Reason.APNS_IDLE_TIMEOUT: (
        "Apple closed an idle connection.",
        "It is tried again.",
    ),
    Reason.APNS_INVALID_PUSH_TYPE: (
        "Apple: the push type is not valid.",
        "Please report it.",
    ),
    Reason.APNS_MISSING_DEVICE_TOKEN: (
        "Apple: the device token is missing.",
        "Please report it.",
    ),
    Reason.APNS_PAYLOAD_EMPTY: (
        "Apple: the payload is empty.",
        "Please report it.",
    ),
    Reason.APNS_BAD_PATH: (
        "Apple: the path is not valid.",
        "Check `apns_production_url`.",
    ),
    Reason.APNS_METHOD_NOT_ALLOWED: (
        "Apple: the method is not POST.",
        "Check `apns_production_url` and the egress proxy.",
    ),
    Reason.APNS_FORBIDDEN: (
        "Apple: the action is not allowed.",
        "Look at the Apple account.",
    ),
    Reason.APNS_BAD_CERTIFICATE: (
        "Apple refuses the certificate.",
        "Replace it: `push-gateway app update NAME --apns-certificate FILE`.",
    ),
    Reason.APNS_BAD_CERTIFICATE_ENVIRONMENT: (
        "Apple: the certificate is for the other environment.",
        "Set --apns-environment to the certificate's.",
    ),
    Reason.APNS_INVALID_PROVIDER_TOKEN: (
        "Apple refuses the key: wrong key, key id or team id, or the key was revoked.",
        "Compare them with the Apple account: `push-gateway app show NAME`.",
    ),
    Reason.APNS_MISSING_PROVIDER_TOKEN: (
        "Apple got neither a certificate nor a provider token.",
        "Give the app a key or certificate.",
    ),
    Reason.APNS_UNRELATED_KEY_ID_IN_TOKEN: (
        "Apple: the key id does not belong to the key used before on this connection.",
        "Check --apns-key-id.",
    ),
    Reason.APNS_BAD_ENVIRONMENT_KEY_ID_IN_TOKEN: (
        "Apple: the key is for the other environment.",
        "Set --apns-environment to the key's, or use a key for both.",
    ),
    Reason.APNS_EXPIRED_PROVIDER_TOKEN: (
        "Apple: the provider token is too old, even after it was made anew.",
        "Set this machine's clock.",
    ),
    Reason.APNS_PAYLOAD_TOO_LARGE: (
        "Apple: the payload is too large.",
        "Shorten what the server puts into `payload`.",
    ),
    Reason.APNS_TOO_MANY_REQUESTS: (
        "Apple: too many pushes to this device in a row.",
        "The server comes back by itself.",
    ),
    Reason.APNS_TOO_MANY_PROVIDER_TOKEN_UPDATES: (
        "Apple: the provider token changes too often.",
        "Is the same key used by another program? The server comes back by itself.",
    ),
    Reason.APNS_INTERNAL_SERVER_ERROR: (
        "Apple had an internal error.",
        "The server comes back by itself.",
    ),
    Reason.APNS_SERVICE_UNAVAILABLE: (
        "Apple's service is unavailable.",
        "The server comes back by itself.",
    ),
    Reason.APNS_SHUTDOWN: (
        "Apple's server is shutting down.",
        "The server comes back by itself.",
    ),
    Reason.APNS_UNREACHABLE: (
        "No connection to Apple.",
        "Check DNS, firewall (443 or 2197 outbound) and proxy; the server comes back by itself.",
    ),
    Reason.APNS_UNANSWERED: (
        "Apple did not answer in time; the push may have arrived.",
        "The server comes back by itself.",
    ),
    Reason.APNS_UNKNOWN_ANSWER: (
        "Apple answered something the gateway does not know.",
        "The log line has the status; please report it.",
    ),
}

OF_GOOGLE = {
    Reason.FCM_UNREGISTERED: (
        "Google: the app instance was unregistered.",
        "Nothing to do: the server removes the token.",
    ),
    Reason.FCM_INVALID_TOKEN: (
        "Google: not a registration token (violation of message.token); the credential is proven good.",
        "Nothing to do: the server removes the token.",
    ),
    Reason.FCM_INVALID_TOKEN_UNPROVEN: (
        "Google: not a registration token, but this credential has not delivered anything yet.",
        "If it stays so, the Firebase project is another one than the app's.",
    ),
    Reason.FCM_INVALID_ARGUMENT: (
        "Google: the message is not valid.",
        "Please report it with the log line.",
    ),
    Reason.FCM_SENDER_ID_MISMATCH: (
        "Google: the token belongs to another Firebase project.",
        "Allow the workspace the app that this token belongs to.",
    ),
    Reason.FCM_PERMISSION_DENIED: (
        "Google: the service account may not send messages.",
        "Give it the role Firebase Cloud Messaging API Admin and enable the API.",
    ),
    Reason.FCM_UNAUTHENTICATED: (
        "Google refuses the access token, even after it was made anew.",
        "Replace the service account: `push-gateway app update NAME --fcm-service-account FILE`.",
    ),
    Reason.FCM_THIRD_PARTY_AUTH_ERROR: (
        "Google: the project's APNs or web push credentials are missing or wrong.",
        "The token is not an Android one; look at the Firebase project.",
    ),
    Reason.FCM_PROJECT_NOT_FOUND: (
        "Google does not know the Firebase project.",
        "Compare project_id in the service account file with the Firebase console.",
    ),
    Reason.FCM_OAUTH_REFUSED: (
        "Google refuses the service account: wrong or deleted key, or this machine's clock is off.",
        "Set the clock, or replace the service account file.",
    ),
    Reason.FCM_QUOTA_EXCEEDED: (
        "Google: the quota of the project or device is used up.",
        "The server comes back by itself; ask Google for more if it stays so.",
    ),
    Reason.FCM_INTERNAL: (
        "Google had an internal error.",
        "The server comes back by itself.",
    ),
    Reason.FCM_UNAVAILABLE: (
        "Google's service is unavailable.",
        "The server comes back by itself.",
    ),
    Reason.FCM_OAUTH_UNAVAILABLE: (
        "Google's token endpoint gives no token now.",
        "Check DNS, firewall and proxy; the server comes back by itself.",
    ),
    Reason.FCM_UNREACHABLE: (
        "No connection to Google.",
        "Check DNS, firewall (443 outbound) and proxy; the server comes back by itself.",
    ),
    Reason.FCM_UNANSWERED: (
        "Google did not answer in time; the push may have arrived.",
        "The server comes back by itself.",
    ),
    Reason.FCM_UNKNOWN_ANSWER: (
        "Google answered something the gateway does not know.",
        "The log line has the status; please report it.",
    ),
}
