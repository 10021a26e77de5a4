"""The operator's subcommands, one module each."""
