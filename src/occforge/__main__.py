"""`python -m occforge` is the `occforge` command."""

from occforge.cli.main import main

main()
