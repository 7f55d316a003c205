"""Where the embedded servers listen."""

import socket

from runtime.embedded import HOST, OTHER_PORTS, PREFERRED_PORTS, free_ports


def test_preferred_ports_are_kept_where_they_are_free() -> None:
    """A taken one and an unset one are replaced, by different ports that the kernel gives nobody by itself."""
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind((HOST, 0))
        taken.listen()
        wanted = {"taken": taken.getsockname()[1], "free": free.getsockname()[1], "any": 0, "other": 0}
        free.close()
        ports = free_ports(wanted)
    assert ports["free"] == wanted["free"]
    assert {ports[name] in OTHER_PORTS for name in ("taken", "any", "other")} == {True}
    assert len(set(ports.values())) == len(ports)


def test_no_port_twice() -> None:
    """However many are asked for."""
    ports = free_ports(dict.fromkeys(map(str, range(300)), 0))
    assert len(set(ports.values())) == 300
    assert len(free_ports(PREFERRED_PORTS)) == len(PREFERRED_PORTS)
