"""The HTTP service of Zona as a WSGI application (SPEC §3).

A plugin that adds routes gives ``Operation`` objects through the hook ``zona_http_routes``.
"""

from .app import create_app
from .operation import Access, Answer, Call, Operation, Problem, StoredUpload, Upload
from .settings import HttpSettings

__all__ = [
    "Access",
    "Answer",
    "Call",
    "HttpSettings",
    "Operation",
    "Problem",
    "StoredUpload",
    "Upload",
    "create_app",
]
