"""The one exception a user may cause; the command line prints it without a traceback."""


class UserError(Exception):
    """A mistake or a missing thing that the person at the keyboard can mend.

    `message` names the thing and the bad value; `fix`, where there is one, is what to do about it.
    """

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message
