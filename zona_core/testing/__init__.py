"""For authors of adapters and plugins: contract suites and an in-memory store."""
