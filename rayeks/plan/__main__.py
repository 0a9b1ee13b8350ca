"""Plans a project that lies elsewhere with that project's own `infra` and `workloads`, and leaves the plan in a file.

    python -P -m rayeks.plan STACK ROOT FILE

The planner is this checkout's, so that two plans are made by the same rules. FILE holds a pickled pair: "plan" and
the plan, "absent" and the names of the stacks that there are, or "failed" and the reason.
"""

import pickle
import sys
from pathlib import Path

from rayeks.errors import UserError
from rayeks.plan import plan
from rayeks.plan.stackfile import stacks


def main(stack: str, root: Path, file: Path) -> None:
    """The plan of the stack of the project in `root`, into `file`."""
    assert "infra" not in sys.modules, "the planner must not bring its own infrastructure code"
    sys.path.insert(0, str(root))
    try:
        known = stacks(root)
        answer = ("plan", plan(stack, root=root)) if stack in known else ("absent", known)
    except UserError as error:
        answer = ("failed", str(error))
    file.write_bytes(pickle.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
