"""What the HTTP service costs: a cached and an uncached read under load beside bare Falcon, and CPU time a request.

Each part of the service is as in production; what is on and off is printed. ``wrk`` makes the load (apt install wrk).
"""

from __future__ import annotations

import sys

if __name__ == "http":
    # Python looks for modules in a program's own folder first. Who wants the standard library's ``http`` in a program
    # beside this file gets here, and is given what they want: an import gives what then stands in ``sys.modules``.
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from os.path import dirname, realpath

    _here = dirname(realpath(__file__))
    _found = PathFinder.find_spec("http", [place for place in sys.path if realpath(place) != _here])
    assert _found is not None
    assert _found.loader is not None
    sys.modules["http"] = module_from_spec(_found)
    _found.loader.exec_module(sys.modules["http"])
elif __name__ == "__main__":
    from _http_bench import measure

    measure()
