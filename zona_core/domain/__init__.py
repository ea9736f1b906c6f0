"""The domain: pure attrs models and functions, no I/O."""
