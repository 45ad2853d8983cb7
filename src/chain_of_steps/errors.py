"""The error a user can act on."""


class UserError(Exception):
    """Something a user can put right.

    The message is one sentence: what is wrong, where, and what to write instead. The command line
    prints it without a traceback; anything else that is raised is a fault of this package.
    """
