"""The fleet's services on Docker: containers of a single engine, or services of a Swarm."""

__all__: list[str] = []
