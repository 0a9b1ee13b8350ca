"""Whether exceptions are of policies that there are, and say what they are for only once."""

from collections.abc import Iterator
from difflib import get_close_matches

from infra.config.policies import Policies
from infra.config.rules.base import Problem, rule


@rule
def exceptions_are_of_a_policy(policies: Policies) -> Iterator[Problem]:
    # Imported when it is asked for: the policies speak of exceptions, which are configuration.
    from infra.policies import POLICIES

    names = [policy.name for policy in POLICIES]
    seen: dict[tuple[str, str], int] = {}
    for index, exception in enumerate(policies.exceptions):
        path = f"policies.exceptions[{index}]"
        if exception.policy not in names:
            near = get_close_matches(exception.policy, names, 1)
            fix = f"did you mean {near[0]}?" if near else "`rayeks policies` lists them"
            yield Problem(f"{path}.policy", f"no policy {exception.policy}", fix)
        first = seen.setdefault((exception.policy, exception.resource), index)
        if first != index:
            yield Problem(path, f"says the same as policies.exceptions[{first}]", "keep one")
