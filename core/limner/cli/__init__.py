"""The `limner` command: one module for each command group. Nothing heavy is imported before a command runs."""
