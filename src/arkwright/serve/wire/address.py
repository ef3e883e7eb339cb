"""Where a server may listen."""

from ipaddress import ip_address

from arkwright.core.errors import Refused


def check_host(host: str, *, allow_remote: bool) -> None:
    """Raises Refused for an address that other machines reach, unless `allow_remote`: there is no authentication."""
    if not allow_remote and not is_loopback(host):
        raise Refused(f"{host} is reached by other machines, and there is no authentication yet; serve on 127.0.0.1")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def numeric(host: str) -> str:
    """`localhost` as the address that it is everywhere."""
    return "127.0.0.1" if host == "localhost" else host


def shown(host: str, port: int) -> str:
    """Host and port as an address writes them: `127.0.0.1:8001`, `[::1]:8001`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
