"""The store's contents, ready to look up."""

from gateway.delivery.snapshot import Snapshot
from gateway.model.address import Network
from gateway.model.app import ApnsCredentials, ApnsEnvironment, App, FcmCredentials
from gateway.model.workspace import SecretHash
from gateway.providers.credentials import with_environment
from gateway.store.port import Contents
from tests.delivery.conftest import TOPIC, workspace
from tests.providers.pushes import android_push, iphone_push

APNS = ApnsCredentials(topics=(TOPIC, "com.example.other"), key="key", fingerprint="apns")
FCM = FcmCredentials(project_id="p", client_email="e", service_account="{}", fingerprint="fcm")
CHAT = App(id="1", name="Chat", apns=APNS, fcm=FCM)
OTHER = App(id="2", name="Other", apns=ApnsCredentials(topics=(TOPIC,), key="other", fingerprint="other"))
BARE = App(id="3", name="Bare")


def snapshot(*workspaces: object, apps: tuple[App, ...] = (CHAT, OTHER, BARE)) -> Snapshot:
    return Snapshot(Contents(revision=7, apps=apps, workspaces=workspaces, proven=frozenset({"f"})))


def test_a_workspace_is_found_by_each_secret_that_still_works() -> None:
    one = workspace("Example", secrets=(SecretHash("new"), SecretHash("old", 100.0)))
    found = snapshot(one, workspace("Another", secrets=(SecretHash("its own"),)))
    assert found.by_secret("new", 1e12).workspace == one
    assert found.by_secret("old", 99.9).workspace == one
    assert found.by_secret("old", 100.0) is None
    assert found.by_secret("its own", 0.0).workspace.name == "Another"
    assert found.by_secret("unknown", 0.0) is None


def test_a_workspace_is_found_by_its_name() -> None:
    assert snapshot(workspace("Example")).by_name("Example").workspace.name == "Example"
    assert snapshot(workspace("Example")).by_name("example") is None


def test_an_iphone_push_goes_to_the_apps_of_its_topic_in_the_workspaces_order() -> None:
    member = snapshot(workspace("Example", apps=("2", "1", "3"))).by_name("Example")
    assert [route.app for route in member.routes(iphone_push(topic=TOPIC))] == ["Other", "Chat"]
    assert [route.app for route in member.routes(iphone_push(topic=f"{TOPIC}.voip"))] == ["Other", "Chat"]
    assert [route.app for route in member.routes(iphone_push(topic="com.example.other"))] == ["Chat"]
    assert member.routes(iphone_push(topic="com.example.foreign")) == ()
    assert member.routes(iphone_push(topic=None)) == ()


def test_an_android_push_goes_to_every_app_with_a_service_account() -> None:
    member = snapshot(workspace("Example", apps=("2", "1", "3"))).by_name("Example")
    assert [(route.app, route.credentials) for route in member.routes(android_push())] == [("Chat", FCM)]


def test_an_app_of_either_environment_is_tried_in_production_first() -> None:
    auto = App(id="4", name="Auto", apns=with_environment(APNS, ApnsEnvironment.AUTO))
    found = snapshot(workspace("Example", apps=("4",)), apps=(auto,))
    routes = found.by_name("Example").routes(iphone_push(topic=TOPIC))
    assert [route.credentials.environment for route in routes] == [ApnsEnvironment.PRODUCTION, ApnsEnvironment.SANDBOX]
    assert len({route.credentials.fingerprint for route in routes}) == 2
    assert tuple(found.routes()) == routes


def test_an_app_that_is_gone_is_passed_over() -> None:
    found = snapshot(workspace("Example", apps=("gone", "1")))
    assert [route.app for route in found.by_name("Example").routes(android_push())] == ["Chat"]
    assert found.overview() == [{"name": "Example", "apps": ["Chat"], "suspended": False, "held": False}]


def test_a_workspaces_ranges_are_ready_to_compare() -> None:
    member = snapshot(workspace("Example", allow_from=("10.0.0.0/8", "::1"))).by_name("Example")
    assert member.networks == (Network.parse("10.0.0.0/8"), Network.parse("::1/128"))


def test_every_way_of_every_app_is_listed_also_of_those_nobody_uses() -> None:
    assert [(route.app, route.credentials.fingerprint) for route in snapshot().routes()] == [
        ("Chat", "apns"),
        ("Chat", "fcm"),
        ("Other", "other"),
    ]


def test_the_overview_names_every_workspace() -> None:
    found = snapshot(workspace("Example", apps=("2", "1")), workspace("Another", suspended=True))
    assert found.overview() == [
        {"name": "Example", "apps": ["Other", "Chat"], "suspended": False, "held": False},
        {"name": "Another", "apps": [], "suspended": True, "held": False},
    ]
    assert (found.size, found.revision, found.proven) == (2, 7, {"f"})
