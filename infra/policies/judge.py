"""A stack held against the policies: each finding with its weight, or with the exception that somebody answers for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ValidationError

from infra.config.policies import Policies, PolicyException
from infra.policies.core import Finding, Policy, Severity, Stack

EXCEPTIONS = "policy-exceptions"
"""The name under which an exception is told that no longer excepts anything."""


@dataclass(frozen=True)
class Verdict:
    """One finding of one policy. `excepted` names the exception that it falls under: it is shown and stops nothing."""

    policy: str
    severity: Severity
    message: str
    fix: str
    urn: str = ""
    resource: str = ""
    excepted: PolicyException | None = None

    @property
    def stops(self) -> bool:
        """Whether it stops a deployment."""
        return self.severity is Severity.ERROR and self.excepted is None

    def __str__(self) -> str:
        subject = f"{self.resource}: " if self.resource else "the stack "
        text = f"{self.policy}: {subject}{self.message}"
        if self.excepted:
            return f"{text} (excepted until {self.excepted.expires} by {self.excepted.owner}: {self.excepted.reason})"
        return f"{text} ({self.fix})" if self.fix else text

    def to_json(self) -> dict[str, Any]:
        """The finding for machines."""
        return {
            "policy": self.policy,
            "severity": str(self.severity),
            "urn": self.urn,
            "resource": self.resource,
            "message": self.message,
            "fix": self.fix,
            "excepted": self.excepted.model_dump(mode="json") if self.excepted else None,
        }


def configured(platform: Mapping[str, Any]) -> tuple[str, Policies]:
    """The environment and the policies' settings of a stack file's `platform`, whatever else is wrong with it.

    The strictest environment where none is said, and nothing excepted where that section is wrong: what is wrong,
    the program itself reports.
    """
    environment = str(platform.get("environment", "prod"))
    try:
        return environment, Policies.model_validate(platform.get("policies") or {})
    except ValidationError:
        return environment, Policies()


def judge(
    stack: Stack, policies: Iterable[Policy], exceptions: Sequence[PolicyException], today: date
) -> Iterator[Verdict]:
    """Every finding of the policies that apply to the stack's environment, in their order.

    A policy that raises is an error under its own name: nobody can say what it would have found.
    """
    for policy in policies:
        severity = policy.severity.get(stack.environment)
        if severity is None:
            continue
        try:
            findings = list(policy.check(stack))
        except Exception as error:
            message = f"could not be judged: the policy failed with {type(error).__name__}: {error}"
            yield Verdict(policy.name, Severity.ERROR, message, "mend the policy in infra/policies")
            continue
        for finding in findings:
            verdict = _verdict(policy, severity, finding)
            yield replace(verdict, excepted=_exception(verdict, exceptions, today))


def stale(
    verdicts: Iterable[Verdict], exceptions: Sequence[PolicyException], policies: Iterable[Policy], today: date
) -> Iterator[Verdict]:
    """What is wrong with the exceptions themselves, once the whole stack was judged: expired, or of no use."""
    used = {verdict.excepted for verdict in verdicts}
    names = {policy.name for policy in policies}
    for index, exception in enumerate(exceptions):
        where = f"policies.exceptions[{index}] ({exception.policy})"
        if exception.expires < today:
            message = f"{where} expired on {exception.expires}"
            yield Verdict(EXCEPTIONS, Severity.ERROR, message, f"mend the cause, or {exception.owner} renews it")
        elif exception.policy not in names:
            yield Verdict(EXCEPTIONS, Severity.ERROR, f"{where} is of no policy", "`rayeks policies` lists them")
        elif exception not in used:
            yield Verdict(EXCEPTIONS, Severity.ADVICE, f"{where} excepts nothing any more", "remove it")


def _verdict(policy: Policy, severity: Severity, finding: Finding) -> Verdict:
    resource = finding.resource
    urn, name = (resource.urn, f"{_short(resource.type)} {resource.name}") if resource else ("", "")
    return Verdict(policy.name, severity, finding.message, policy.fix, urn, name)


def _exception(verdict: Verdict, exceptions: Sequence[PolicyException], today: date) -> PolicyException | None:
    name = verdict.urn.rpartition("::")[2]
    for exception in exceptions:
        fits = any(fnmatchcase(text, exception.resource) for text in (name, verdict.urn))
        if exception.policy == verdict.policy and fits and today <= exception.expires:
            return exception
    return None


def _short(kind: str) -> str:
    """`aws:ec2/vpc:Vpc` as `ec2.Vpc`, a Kubernetes kind by itself."""
    package, module, name = kind.split(":", 2)
    return f"{module.split('/')[0]}.{name}" if package == "aws" else name
