"""The HTTP service as a process: settings, start-up, servers, signals.

``zona serve`` runs it; ``zona_service.app:get_app()`` gives the application to any other WSGI server (PEP 3333).
"""

__all__: list[str] = []
