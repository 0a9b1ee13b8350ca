"""One resource during one request of the engine: its calls, what AWS says of it, and the waiting in between."""

import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jmespath

from local.providers.aws import schema
from local.providers.aws.cloud import AwsError, Cloud
from local.providers.aws.convert import fit, to_params
from local.providers.aws.resource import ABSENT, Call, Resource, Step, fill, parse_id
from rayeks.errors import UserError

MISSING = re.compile(r"NotFound|^NoSuch|NonExistent|DoesNotExist")
BUSY = re.compile(r"DependencyViolation|DeleteConflict|ResourceInUse|ConcurrentModif|OperationAborted|\.InUse$")
FIRST_PAUSE_S, LONGEST_PAUSE_S, PAUSE_GROWTH = 0.1, 5.0, 1.5
APPEARANCE_S = 20.0  # AWS may take a moment until it shows what it has just made


class StoppedError(UserError):
    """A wait that ended before its event: the engine cancelled, or the time was up."""


@dataclass
class Deadline:
    """How long an action may still take, and whether the engine has asked to stop."""

    seconds: float
    cancelled: threading.Event
    started: float = field(default_factory=time.monotonic)
    _pause: float = FIRST_PAUSE_S

    def begin(self) -> "Deadline":
        """The same deadline at the start of another wait: its first pause is short again."""
        self._pause = FIRST_PAUSE_S
        return self

    def pause(self, waiting_for: str) -> None:
        """Wait a little, longer each time. Raises StoppedError when cancelled or out of time."""
        if time.monotonic() - self.started + self._pause > self.seconds:
            raise StoppedError(f"{waiting_for} took longer than {self.seconds:.0f} s")
        if self.cancelled.wait(self._pause):
            raise StoppedError(f"cancelled while waiting: {waiting_for}")
        self._pause = min(self._pause * PAUSE_GROWTH, LONGEST_PAUSE_S)


@cache
def _query(expression: str) -> Any:
    return jmespath.compile(expression)


@dataclass
class Operation:
    """A resource under way. `inputs` are wanted, `old` were; `state` is the engine's and `raw` AWS's view of it."""

    resource: Resource
    cloud: Cloud
    urn: str
    deadline: Deadline
    inputs: dict[str, Any] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    raw: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # the inputs that an update is for
    ignored: frozenset[str] = frozenset()  # inputs that the program leaves to others
    say: Callable[[str], None] = lambda message: None

    @property
    def schema(self) -> schema.Schema:
        return schema.load(self.resource.token)

    @property
    def region(self) -> str:
        return self.inputs.get("region") or self.state.get("region") or self.cloud.region

    def scope(self, name: str) -> Any:
        """What a placeholder stands for, or ABSENT."""
        if name == "id":
            return self.id or ABSENT
        if name in ("account", "partition"):
            return getattr(self.cloud, name)
        if name == "region":
            return self.region
        if name.startswith("old."):
            return _known(self.old.get(name.removeprefix("old.")))
        for values in (self.extra, self.inputs):
            if name in values:
                return _known(values[name])
        if self.inputs and name in self.resource.cleared:
            return _known(self.wanted(name))
        # What is wanted decides where it is known; a property that was taken away must not come back.
        wanted = self.inputs and name in self.schema.inputs and name not in self.resource.computed
        if not wanted:
            member = self.resource.names.get(name, name).lower()
            told = next((value for key, value in self.raw.items() if key.lower() == member), None)
            known = (self.raw.get(name), told, self.state.get(name))
            if (found := next((value for value in known if value is not None), None)) is not None:
                return found
        parts = parse_id(self.resource.id, self.id) if self.id else None
        return (parts or {}).get(name, ABSENT)

    def wanted(self, name: str) -> Any:
        """What an input shall be: its value, or what takes away a value that it had."""
        if name not in self.inputs and self.old.get(name) not in (None, "", [], {}):
            return self.resource.cleared.get(name)
        return self.inputs.get(name)

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One API call with its parameters fitted to AWS's types. Raises AwsError."""
        service = self.resource.service
        shape = self.cloud.model(service, operation).input_shape
        return self.cloud.call(service, operation, fit(params, shape) if shape else {}, self.region)

    def run(self, step: Step, values: Mapping[str, Any] | None = None) -> Any:
        """A step of a row; `values` are properties to pass under the names of the call's own members."""
        if not isinstance(step, Call):
            return step(self)
        shape = self.cloud.model(self.resource.service, step.operation).input_shape
        params = to_params(values, shape, self.resource.names, step.within) if values and shape else {}
        filled = fill(step.params, self.scope)
        for name, value in ({} if filled is ABSENT else filled).items():
            params[name] = {**params[name], **value} if name == step.within and name in params else value
        return _query(step.result).search(self.call(step.operation, params))

    def read(self) -> bool:
        """Ask AWS what the resource is now, into `raw`; False where it does not exist."""
        before, found = self.raw, {}
        for index, step in enumerate(self.resource.reads):
            part = self.ignoring_absence(lambda step=step: self.run(step))
            if part:
                found.update(part)
                self.raw = {**before, **found}  # what the next step's template may use
            elif index == 0:
                return False
        self.raw = found
        return self.status() not in self.resource.gone

    def status(self) -> str:
        """The state that AWS reports, or an empty string for types without one."""
        found = _query(self.resource.status).search(self.raw) if self.resource.status else None
        return str(found) if found is not None else ""

    def ignoring_absence(self, action: Callable[[], Any]) -> Any:
        """The action's result, or None where AWS says that the thing does not exist."""
        try:
            return action()
        except AwsError as error:
            if self.says_missing(error):
                return None
            raise

    def says_missing(self, error: AwsError) -> bool:
        return error.code in self.resource.missing or bool(MISSING.search(error.code))

    def insist(self, action: Callable[[], Any], waiting_for: str) -> Any:
        """Repeat an action while AWS says that something else still holds the resource."""
        self.deadline.begin()
        while True:
            try:
                return action()
            except AwsError as error:
                if error.code not in self.resource.busy and not BUSY.search(error.code):
                    raise
                self.say(f"{waiting_for}: {error.reason}")
                try:
                    self.deadline.pause(waiting_for)
                except StoppedError as stopped:
                    raise StoppedError(f"{stopped.message}; AWS last said {error.message}") from error

    def await_ready(self) -> None:
        """Read until the state is one of `ready`. Raises UserError when it is one of `failed`."""
        self.deadline.begin()
        resource, told, appearing = self.resource, "", time.monotonic()
        while True:
            exists, status = self.read(), self.status()
            if exists and (not resource.ready or status in resource.ready):
                return
            if exists and status in resource.failed:
                reason = _query(resource.why).search(self.raw) if resource.why else None
                raise UserError(f"it is {status}" + (f": {reason}" if reason else ""))
            if not exists and time.monotonic() - appearing > APPEARANCE_S:
                raise UserError("AWS does not show it")
            if status != told:
                self.say(told := status)
            self.deadline.pause(f"waiting until it is {' or '.join(sorted(resource.ready))} (now {status})")

    def await_gone(self) -> None:
        """Read until it is gone. Raises UserError when deleting failed."""
        self.deadline.begin()
        while self.read():
            if self.status() in self.resource.failed:
                reason = _query(self.resource.why).search(self.raw) if self.resource.why else None
                raise UserError(f"deleting it failed: it is {self.status()}" + (f": {reason}" if reason else ""))
            self.deadline.pause(f"waiting until it is gone (now {self.status() or 'still there'})")

    def warn(self, message: str) -> None:
        """Tell what went wrong on the side, in the plugin's log."""
        print(f"{self.urn}: {message}", file=sys.stderr, flush=True)


def _known(value: Any) -> Any:
    return ABSENT if value is None else value
