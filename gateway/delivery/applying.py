"""Making what is declared so, one step after the other."""

from typing import cast

import msgspec

from gateway.delivery.changes import AppChanges, WorkspaceTraits
from gateway.delivery.declared import Action, DeclaredApp, DeclaredWorkspace, Step
from gateway.delivery.registry import Issued, Registry
from gateway.model.errors import GatewayError


class Applied(msgspec.Struct, frozen=True):
    """What was done, with the secrets that were made; if not all, what stood in the way of the next step."""

    done: tuple[Step, ...]
    issued: tuple[Issued, ...]
    failure: GatewayError | None = None


async def apply_steps(registry: Registry, steps: tuple[Step, ...]) -> Applied:
    """Take the steps, up to the first that fails.

    Each writes all that is declared of its app or workspace, so that what somebody else changes meanwhile is overruled.
    """
    issued: list[Issued] = []
    for number, step in enumerate(steps):
        try:
            issued += await _take(registry, step)
        except GatewayError as error:
            return Applied(steps[:number], tuple(issued), error)
    return Applied(steps, tuple(issued))


async def _take(registry: Registry, step: Step) -> list[Issued]:
    """Take one step; return the secret made, if any."""
    match step.wanted:
        case DeclaredApp() as app:
            await _put_app(registry, step.action, app)
        case DeclaredWorkspace() as workspace if step.action is Action.ADDED:
            return await _add_workspace(registry, workspace)
        case DeclaredWorkspace() as workspace:
            await registry.update_workspace(workspace.name, **workspace.traits)
            if workspace.secret is not None:
                await registry.set_secret(workspace.name, workspace.secret)
        case None:
            await (registry.remove_app if step.kind == "app" else registry.remove_workspace)(step.name)
    return []


async def _put_app(registry: Registry, action: Action, app: DeclaredApp) -> None:
    if action is Action.ADDED:
        await registry.add_app(app.name, app.apns, app.fcm, app.limits)
    else:
        await registry.update_app(app.name, **AppChanges(apns=app.apns, fcm=app.fcm, limits=app.limits))


async def _add_workspace(registry: Registry, workspace: DeclaredWorkspace) -> list[Issued]:
    traits = workspace.traits.copy()
    apps = traits.pop("apps")
    issued = await registry.add_workspace(workspace.name, apps, workspace.secret, **cast(WorkspaceTraits, traits))
    return [issued] if workspace.secret is None else []
