"""The errors a person sees, one class per exit code of the command line.

Add here: a new exit code. Keep out: errors that only code handles.
Each message is one sentence that says what is wrong, where, and what to do.
It never carries a person's value.
"""


class LifecourseError(Exception):
    """Base of every error the command line prints without a traceback. Exit code 1."""

    exit_code = 1


class UsageError(LifecourseError):
    """The command was given something it cannot work with. Exit code 2."""

    exit_code = 2


class UnusableEnvironment(LifecourseError):
    """The server, the disk or the port is not usable. Exit code 3."""

    exit_code = 3
