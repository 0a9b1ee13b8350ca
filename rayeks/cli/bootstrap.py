"""`rayeks bootstrap`: an AWS account's first state, and the identities of its pipelines."""

from typing import Annotated

import typer


def bootstrap(
    stack: Annotated[str, typer.Argument(help="A stack of account/: dev, staging or prod.")],
) -> None:
    """Prepare an AWS account: the bucket and key for state, the pipelines' roles, and every stack's place in it.

    With an administrator's credentials, once for each account. Its own state begins on this machine and is moved into
    the bucket; run it again after an interruption, or after an edit of account/Pulumi.*.yaml.

    Example: `rayeks bootstrap dev`
    """
    from local.home import root
    from rayeks.state.bootstrap import Account
    from rayeks.state.bootstrap import bootstrap as prepare

    prepare(Account.read(stack, root()), root(), typer.echo)
