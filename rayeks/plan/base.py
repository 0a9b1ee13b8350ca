"""A stack held against itself at another git ref: that ref in a clean worktree, planned by its own code meanwhile."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

from rayeks.errors import UserError
from rayeks.plan.bill import bill, total
from rayeks.plan.difference import Difference, difference
from rayeks.plan.judged import Judgement, policies
from rayeks.plan.model import Plan
from rayeks.plan.platform import platform
from rayeks.plan.preview import preview
from rayeks.plan.run import plan

NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""A checkout's hooks are for the person's own working tree."""


@dataclass(frozen=True)
class Comparison:
    """A stack against a base. `dirty` is how many files of the head are not committed.

    `difference` is None where the base cannot be planned, and `problem` says why. Where the base does not have the
    stack (`absent`), all of it would be created.
    """

    ref: str
    commit: str
    dirty: int
    difference: Difference | None
    problem: str | None = None
    absent: bool = False

    def to_json(self) -> dict[str, Any]:
        """The comparison for machines."""
        return {
            "ref": self.ref,
            "commit": self.commit,
            "uncommittedFiles": self.dirty,
            "absent": self.absent,
            "problem": self.problem,
            "difference": self.difference.to_json() if self.difference else None,
        }


def against(stack: str, ref: str, *, root: Path, today: date | None = None) -> tuple[Plan, Comparison]:
    """The plan of a stack as it is in `root`, and its comparison with the stack at a ref.

    Both are planned at once, in processes of their own. Raises UserError for a ref that there is not, and for a head
    that cannot be planned; a base that cannot be is the comparison's problem.
    """
    today = today or date.today()
    with _worktree(ref, root) as (base_root, commit), _planning(stack, base_root) as answer:
        head = plan(stack, root=root)
        kind, found = answer()
    dirty = len(_git(root, "status", "--porcelain").splitlines())
    if kind == "failed":
        problem = f"{stack} cannot be planned as it is at {ref} ({commit}): {found}".replace(f"{base_root}/", "")
        return head, Comparison(ref, commit, dirty, None, problem)
    absent = kind == "absent"
    base = Plan(head.stack, head.project, (), {}, head.config) if absent else found
    steps = preview(stack, root=root, before=base)
    before, cost_before = (Judgement((), 0), Decimal("0.00")) if absent else _assessed(base, today)
    after, cost_after = _assessed(head, today)
    found = difference(steps, judged=(before, after), usd=(cost_before, cost_after))
    return head, Comparison(ref, commit, dirty, found, absent=absent)


def _assessed(planned: Plan, today: date) -> tuple[Judgement, Decimal | None]:
    """What the policies say of a plan, and its bill; None where today's code cannot read its configuration."""
    try:
        costs = bill(planned, platform(planned), today)
    except UserError:
        return policies(planned, today=today), None
    return policies(planned, monthly_usd=float(total(costs.floor)), today=today), costs.total


@contextmanager
def _worktree(ref: str, root: Path) -> Generator[tuple[Path, str]]:
    """The project as it is at a ref, in a temporary folder that is removed whatever happens; and the commit."""
    commit = _commit(ref, root)
    within = _git(root, "rev-parse", "--show-prefix").strip()
    with _heeding_signals():
        folder = Path(tempfile.mkdtemp(prefix="rayeks-base-")).resolve()
        tree = folder / "base"
        try:
            _git(root, *NO_HOOKS, "worktree", "add", "--detach", "--quiet", str(tree), commit)
            yield tree / within, commit[:12]
        finally:
            with suppress(UserError):
                _git(root, "worktree", "remove", "--force", str(tree))
            shutil.rmtree(folder, ignore_errors=True)


def _commit(ref: str, root: Path) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except UserError:
        pass
    _git(root, "rev-parse", "--git-dir")  # says so where there is no repository at all
    shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == "true"
    fetch = "this clone is shallow: fetch the ref with its history" if shallow else "`git branch -a` lists the branches"
    raise UserError(f"no commit {ref!r} in this repository", fetch)


@contextmanager
def _planning(stack: str, root: Path) -> Generator[Any]:
    """A process that plans the stack of a project elsewhere; the block gets a function that waits for its answer."""
    with tempfile.TemporaryDirectory(prefix="rayeks-plan-") as folder:
        file = Path(folder) / "plan"
        argv = [sys.executable, "-P", "-m", "rayeks.plan", stack, str(root), str(file)]
        with subprocess.Popen(argv, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            said: list[str] = []
            reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
            reader.start()

            def answer() -> tuple[str, Any]:
                status = process.wait()
                reader.join()
                if file.exists():
                    return pickle.loads(file.read_bytes())
                last = next((line.strip() for line in reversed(said) if line.strip()), "nothing was said")
                return "failed", f"planning it ended with exit status {status}: {last}"

            try:
                yield answer
            finally:
                process.kill()


def _git(root: Path, *arguments: str) -> str:
    """What git prints. Raises UserError with what it says when it fails."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *arguments], cwd=root, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed, and --base needs it", "install git") from None
    if done.returncode:
        raise UserError(f"git {arguments[0]} failed: {done.stderr.strip()}", "run this inside a clone")
    return done.stdout


@contextmanager
def _heeding_signals() -> Generator[None]:
    """A polite end (SIGTERM, SIGHUP) unwinds as Ctrl-C does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
