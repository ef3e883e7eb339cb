"""The sockets that a server listens on."""

import pytest

from arkwright.core.errors import Invalid
from arkwright.serve.processes.sockets import unix


def test_where_there_can_be_no_socket_is_told_with_what_helps(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with pytest.raises(Invalid, match=r"no socket can be made in .*longlong: AF_UNIX path too long; set TMPDIR to ano"):
        unix(folder / "shadows", 8)
