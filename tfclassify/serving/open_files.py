"""How many files a server may have open: each connection is one, and models, ports and logs need some as well."""

from __future__ import annotations

try:
    import resource
except ImportError:  # there is no such limit on Windows
    resource = None  # type: ignore[assignment]

# For models that are loaded, gRPC's connections, libraries, logs.
KEPT_FREE = 512


def room_for_connections(wanted: int) -> int:
    """Raises the limit of open files as far as is needed and allowed.

    A process without a file left can load no version, and answers nobody whatever port they come by: so connections
    are refused before that.

    Args:
        wanted: connections.

    Returns:
        For how many of them there is room: at least half of what may be open, however little that is.
    """
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + KEPT_FREE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return min(wanted, max(allowed - KEPT_FREE, allowed // 2))
