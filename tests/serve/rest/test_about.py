"""What a server tells of itself is not made anew for whoever looks at it again."""

from unittest.mock import Mock

from arkwright.serve.rest import openapi


def test_the_index_is_made_once_for_each_name_that_callers_know_the_server_by(f32, monkeypatch):
    """It has a made-up row of every endpoint, of which there may be a thousand."""
    made = Mock(wraps=openapi.curl)
    monkeypatch.setattr(openapi, "curl", made)
    hosts = ("localhost:7", "127.0.0.1:7") * 2  # which no other test calls it
    for accept in ("application/json", "text/html"):
        before = made.call_count
        told = [f32.call("GET", "/", None, {"Accept": accept, "Host": host})[2] for host in hosts]
        assert told[:2] == told[2:]
        assert ["http://localhost:7/" in str(one) for one in told[:2]] == [True, False]
        assert made.call_count - before == 2
