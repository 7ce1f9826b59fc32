"""Which errors are the user's to mend."""

MOST_GUIDANCE = 20.0
"""Beyond it what is drawn has nothing left but what was asked for."""


class InputError(ValueError):
    """Bad input at the border: one line that says what was expected, what came and what to do.

    The command line prints it without a traceback and exits with code 2. Anything else that is
    raised is a defect of ours and keeps its traceback.
    """


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise `InputError` unless a number of things is at least so many."""
    if value < least:
        raise InputError(f"{name}: expected {least} or more, got {value}")


def check_shares(name: str, **shares: float) -> None:
    """Raise `InputError` unless every named number of a group of options is a share, 0 to 1."""
    for field, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise InputError(f"{name}{field.replace('_', '-')}: expected 0 to 1, got {value:g}")


def check_guidance(name: str, value: float) -> None:
    """Raise `InputError` unless a guidance is one that samplers survive: 0 ignores what is asked for, 1 is none."""
    if not 0.0 <= value <= MOST_GUIDANCE:
        raise InputError(f"{name}: expected 0 to {MOST_GUIDANCE:g}, got {value:g}")
