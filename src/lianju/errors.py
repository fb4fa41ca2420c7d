"""The one error that a user can cause and mend."""


class UserError(Exception):
    """Something the user can put right; the message is one line that says how.

    The command line prints it without a traceback and exits with 2. `field`: what of a request is
    at fault, by the name that Python knows it by, where that is known.
    """

    def __init__(self, message: str, field: str | None = None):
        super().__init__(message)
        self.field = field

    @property
    def words(self) -> str:
        """The message; a `verse.Bilingual`, which knows its Chinese, where one was given."""
        message: str = self.args[0]
        return message
