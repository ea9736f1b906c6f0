"""The built-in HTTP task handler: a task is a request that its ``handler_config`` describes (no code)."""
