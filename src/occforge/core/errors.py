"""Which errors are the user's to mend."""


class InputError(ValueError):
    """Bad input at the border: one line that says what was expected, what came and what to do.

    The command line prints it without a traceback and exits with code 2. Anything else that is
    raised is a defect of ours and keeps its traceback.
    """
