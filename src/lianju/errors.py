"""The one error that a user can cause and mend."""


class UserError(Exception):
    """Something the user can put right; the message is one line that says how.

    The command line prints it without a traceback and exits with 2.
    """

    @property
    def words(self) -> str:
        """The message; a `verse.Said`, which knows its Chinese, where one was given."""
        message: str = self.args[0]
        return message
