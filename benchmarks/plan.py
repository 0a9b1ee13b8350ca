"""What `rayeks plan` costs beside importing the Pulumi modules that it uses."""

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measure import Row, child, interleaved
from local.home import root

PLAN = "from pathlib import Path; from rayeks.plan import plan; plan(sys.argv[1], root=Path(sys.argv[2]))"
MODULES = PLAN + "; import json; print(json.dumps(sorted(sys.modules)))"
PACKAGES = ("pulumi", "pulumi_aws", "pulumi_eks", "pulumi_kubernetes")


def rows(stack: str = "prod", runs: int = 5) -> Iterator[Row]:
    """The plan of one stack: time beside its imports, and memory."""
    where = str(root())
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; {MODULES}", stack, where], capture_output=True, check=True
    )
    used = [name for name in json.loads(answer.stdout.splitlines()[-1]) if name.split(".")[0] in PACKAGES]
    imports = "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    (planning, memory), (importing, _) = interleaved(
        runs, lambda: child(PLAN, stack, where), lambda: child(imports, *used)
    )
    beside = f"importing the {len(used)} Pulumi modules that it uses"
    yield Row(f"plan {stack}", planning, "s", beside, importing, bound=1.5)
    yield Row(f"plan {stack}, peak memory", memory, "MiB", bound=400)
