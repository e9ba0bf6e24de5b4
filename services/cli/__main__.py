"""`python -m services.cli`, for where the command is not on the path."""

from services.cli.main import main

main()
