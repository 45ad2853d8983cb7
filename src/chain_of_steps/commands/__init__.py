"""The subcommands of `cos`, one module a topic; `add` names them to the command line."""
