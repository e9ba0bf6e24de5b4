"""The command `akin`: `services.cli.main`. What it is made of can be imported without all of it."""
