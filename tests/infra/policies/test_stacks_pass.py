"""The stacks that ship pass the policies, each in its environment."""

import pytest

from local.home import root
from rayeks.plan import plan
from rayeks.plan.judged import policies
from rayeks.plan.stackfile import stacks


@pytest.mark.parametrize("stack", stacks(root()))
def test_a_shipped_stack_has_no_error_and_no_exception(stack: str) -> None:
    judgement = policies(plan(stack, root=root()))
    assert [str(verdict) for verdict in judgement.stopping] == []
    assert judgement.excepted == ()
    assert judgement.judged > 40
