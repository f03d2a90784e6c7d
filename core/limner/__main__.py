"""`python -m limner`."""

from limner.cli.main import main

main()
