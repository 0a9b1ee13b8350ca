"""A program run as a preview on what another plan has deployed: what stays is known, what is made anew is not."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pulumi.runtime import rpc

from rayeks.plan.foretold import Place
from rayeks.plan.model import Plan, Resource
from rayeks.plan.monitor import Monitor
from rayeks.plan.provider_rules import Rules, spelt
from rayeks.plan.run import by_package, execute
from rayeks.plan.stackfile import StackFile, read
from rayeks.plan.steps import Op, Step, Steps


class Preview(Monitor):
    """Answers each registration as an engine does in a preview, and keeps the steps."""

    def __init__(self, file: StackFile, place: Place, packages: Mapping[str, Any], before: Plan) -> None:
        super().__init__(file.stack, file.project, place, packages)
        self._deciding = threading.Lock()
        rules_before = Rules(by_package(before.config))
        self.steps = Steps(before, rules_before, Rules(packages), file.stack, file.project)

    def complete(self, resource: Resource, version: str = "") -> Resource:
        """The resource with the outputs that it has, keeps or will have, as far as they are known."""
        completed = super().complete(resource, version)
        if not resource.custom or resource.external:
            return completed
        with self._deciding:
            step, outputs = self.steps.take(completed)
        stays = step.before is not None and step.op is not Op.REPLACE
        identity = step.before.id if stays and step.before else rpc.UNKNOWN
        known = {key: value for key, value in spelt(outputs).items() if key != "id"}
        return replace(completed, id=identity, outputs=known)

    def record(self, resource: Resource) -> None:
        """Adds a resource to what the program makes; a component may have had another name."""
        if not resource.custom:
            with self._deciding:
                self.steps.note(resource)
        super().record(resource)


def preview(stack: str, *, root: Path, before: Plan) -> list[Step]:
    """What the engine would do to make the stack of the project in `root` of what `before` has deployed.

    In the order in which it would begin, deletions last. Raises UserError as a plan does.
    """
    root = root.resolve()
    file = read(stack, root)
    made, _ = execute(file, root, lambda place, packages: Preview(file, place, packages, before), dry_run=True)
    steps = made.steps
    return [*steps.steps.values(), *steps.gone()]
