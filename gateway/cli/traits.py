"""The options by which workspaces and apps differ from each other."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from gateway.cli.options import CIDR
from gateway.delivery.changes import WorkspaceTraits
from gateway.model.limits import Limits
from gateway.model.notification_rules import LONGEST_DELAY, MOST_MEMBERS, NotificationRules, Rule
from gateway.model.workspace import Content

F = TypeVar("F", bound=Callable[..., Any])
LIMITS = Limits.__struct_fields__


class _Limit(click.ParamType[object]):
    """A number, or `default` for what the settings say."""

    name = "N|default"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if value == "default":
            return value
        try:
            return self._kind(str(value))
        except ValueError:
            self.fail(f'expected a number, or "default" for what the settings say, got {value!r}', param, ctx)


class _Switch(click.ParamType[tuple[Rule, bool]]):
    """A rule and whether it is asked."""

    name = "RULE=on|off"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Rule, bool]:
        name, _, state = str(value).partition("=")
        if name not in list(Rule) or state not in ("on", "off"):
            self.fail(f"expected RULE=on or RULE=off with one of {', '.join(Rule)}, got {value!r}", param, ctx)
        return Rule(name), state == "on"


def limit_options(command: F) -> F:
    """Give a command the options of limits, as arguments named in `LIMITS`."""
    options = (
        click.option("--rate", type=_Limit(float), help="Pushes a second; 0: no limit, default: as the settings."),
        click.option("--burst", type=_Limit(int), help="How many at once after a pause."),
        click.option("--per-month", type=_Limit(int), help="Pushes in a calendar month (UTC)."),
        click.option("--in-flight", type=_Limit(int), help="Requests at a time in one process."),
        click.option("--outbox", type=_Limit(int), help="How many pushes are kept at most."),
    )
    return _with(command, options)


def trait_options(command: F) -> F:
    """Give a command the options of a workspace's traits; see `traits_of`."""
    options = (
        click.option("--unique-id", metavar="ID", help='Accept only this server\'s uniqueId; "" accepts any.'),
        click.option("--allow-from", type=CIDR, multiple=True, help="Accept only these addresses. May be repeated."),
        click.option(
            "--content",
            type=click.Choice([content.value for content in Content]),
            help="What Apple and Google may see: everything, a fixed text and the room, or ids alone.",
        ),
        click.option("--text", metavar="TEXT", help="The fixed text, in the language of its users."),
        click.option("--forward/--no-forward", default=None, help="Forward the official app's pushes."),
        click.option("--rule", "switches", type=_Switch(), multiple=True, help="Ask a notification rule, or do not."),
        click.option(
            "--member-limit", type=click.IntRange(0, MOST_MEMBERS), help="Larger rooms do not notify; 0: all do."
        ),
        click.option(
            "--online-delay", type=click.FloatRange(0, LONGEST_DELAY), help="Seconds to wait for somebody online."
        ),
    )
    return limit_options(_with(command, options))


def traits_of(given: Mapping[str, Any], present: Limits, rules: NotificationRules) -> WorkspaceTraits:
    """Collect what was given of a workspace's traits; `present` are the limits it has, `rules` its rules."""
    traits = WorkspaceTraits()
    if given["unique_id"] is not None:
        traits["unique_id"] = given["unique_id"]
    if given["allow_from"]:
        traits["allow_from"] = given["allow_from"]
    if given["content"] is not None:
        traits["content"] = Content(given["content"])
    if given["text"] is not None:
        traits["fixed_text"] = given["text"]
    if given["forward"] is not None:
        traits["forward"] = given["forward"]
    if (limits := limits_of(given, present)) != present:
        traits["limits"] = limits
    if (changed := rules_of(given, rules)) != rules:
        traits["rules"] = changed
    return traits


def rules_of(given: Mapping[str, Any], present: NotificationRules) -> NotificationRules:
    """Return the present notification rules with what was given of them."""
    switches = dict(given["switches"])
    off = tuple(rule for rule in Rule if not switches.get(rule, rule not in present.off))
    numbers = {name: given[name] for name in ("member_limit", "online_delay") if given[name] is not None}
    return msgspec.structs.replace(present, off=off, **numbers)


def limits_of(given: Mapping[str, Any], present: Limits) -> Limits:
    """Return the present limits with those that were given."""
    changed = {name: given[name] for name in LIMITS if given[name] is not None}
    return msgspec.structs.replace(
        present, **{name: None if value == "default" else value for name, value in changed.items()}
    )


def limits_shown(limits: Limits) -> dict[str, object]:
    """Name the limits that differ from the settings."""
    return {name: value for name in LIMITS if (value := getattr(limits, name)) is not None}


def _with(command: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
