"""Headers of every response: what OWASP's Secure Headers Project lists for an API, and for its documentation page."""

from __future__ import annotations

from typing import Final

import falcon

__all__ = ["DOCUMENTATION_POLICY", "SECURITY_HEADERS", "STRICT_TRANSPORT", "SecuredResponse"]

#: what a page could ask of the device that it is shown on; none of it is needed
_FEATURES: Final = [
    "accelerometer",
    "autoplay",
    "camera",
    "cross-origin-isolated",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "keyboard-map",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "sync-xhr",
    "usb",
    "web-share",
    "xr-spatial-tracking",
]
#: https://owasp.org/www-project-secure-headers/ (proposed values), stricter where nothing is to be shown
SECURITY_HEADERS: Final = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", ", ".join(f"{feature}=()" for feature in _FEATURES)),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "deny"),
    ("x-permitted-cross-domain-policies", "none"),
)

#: over TLS only (RFC 6797 §7.2)
STRICT_TRANSPORT: Final = ("strict-transport-security", "max-age=31536000; includeSubDomains")

#: the documentation page has styles, scripts and a picture of its own, and asks this service only
DOCUMENTATION_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class SecuredResponse(falcon.Response):
    """A response that has the security headers from the beginning; an operation may set others in their place."""

    __slots__ = ()

    def __init__(self, options: falcon.ResponseOptions | None = None) -> None:
        super().__init__(options)
        # NOTE: set_headers would look at each of them again in each request, for longer than routing takes.
        self._headers.update(SECURITY_HEADERS)
