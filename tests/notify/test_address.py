"""Where a message may go: no way round the walls."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid, Refused
from arkwright.notify.address import EVERYWHERE, networks, parse, resolve

WALLED = (
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[fec0::1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://224.0.0.1/",
    "https://[ff02::1]/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://localhost./",
    "https://LOCALHOST/",
)
MALFORMED = (
    "https://127.1/",
    "https://127.0.1/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0X7F.0.0.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1.1/",
    "https://1.2.3.256/",
    "gopher://1.1.1.1/",
    "file:///etc/passwd",
    "ftp://1.1.1.1/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "https:///path",
    "//1.1.1.1/",
    "1.1.1.1",
    "",
    "https://user@1.1.1.1/",
    "https://user:pass@1.1.1.1/",
    "https://1.1.1.1@127.0.0.1/",
    "https://1.1.1.1#@127.0.0.1/",
    "https://1.1.1.1\\@127.0.0.1/",
    "https://1.1.1.1 @127.0.0.1/",
    "https://1.1.1.1/\r\nX: 1",
    "https://1.1.1.1/a\tb",
    "https://１２７.０.０.１/",
    "https://exa\u3002mple/",
    "https://[fe80::1%25eth0]/",
    "https://[::1/",
    "https://[1.1.1.1]/",
    "https://1.1.1.1:0/",
    "https://1.1.1.1:65536/",
    "https://1.1.1.1:x/",
    "https://1.1.1.1:+80/",
    "https://a..b/",
    "https://.a/",
    "https://%31%32%37.0.0.1/",
    f"https://{'a' * 64}.example/",
    f"https://example.org/{'a' * 2000}",
)


def nobody(*_, **__):
    pytest.fail("the name was looked up")


def names(*found):
    """A lookup that answers these."""
    return lambda host, port, **_: [(0, 0, 0, "", (one, port)) for one in found]


@pytest.mark.parametrize("url", WALLED)
def test_what_is_not_public_is_refused(url):
    with pytest.raises(Refused, match="is not public"):
        resolve(parse(url), ())


@pytest.mark.parametrize("url", MALFORMED)
def test_what_has_two_readings_or_another_scheme_is_refused(url):
    with pytest.raises(Invalid):
        parse(url)


def test_what_is_public_is_told_by_https_at_its_usual_ports():
    assert resolve(parse("https://1.1.1.1/x"), (), nobody) == "1.1.1.1"
    assert resolve(parse("https://[2606:4700::1111]:8443"), (), nobody) == "2606:4700::1111"
    with pytest.raises(Refused, match="https:// only"):
        resolve(parse("http://1.1.1.1/"), ())
    for port in (22, 25, 6379, 9200):
        with pytest.raises(Refused, match="at port 443 or 8443 only"):
            resolve(parse(f"https://1.1.1.1:{port}/"), ())


def test_what_the_owner_allows():
    allow = networks(["127.0.0.1/32", "10.1.0.0/16"])
    assert resolve(parse("http://127.0.0.1:5000/x"), allow) == "127.0.0.1"
    assert resolve(parse("http://10.1.2.3:6379/"), allow) == "10.1.2.3"
    for url in ("http://127.0.0.2/", "https://10.2.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"):
        with pytest.raises(Refused):
            resolve(parse(url), allow)
    assert resolve(parse("http://[::1]:1/"), EVERYWHERE) == "::1"


@pytest.mark.parametrize(
    "found", [("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("127.0.0.1", "1.1.1.1"), ("1.1.1.1", "::1"), ("fe80::1%2",)]
)
def test_a_name_is_what_all_its_addresses_are(found):
    with pytest.raises(Refused):
        resolve(parse("https://inside.example/"), (), names(*found))


def test_a_name_is_looked_up_once_and_what_was_looked_at_is_connected_to():
    answers = iter((["93.184.216.34"], ["127.0.0.1"]))
    flips = parse("https://flips.example/")

    def lookup(host, port, **_):
        return names(*next(answers))(host, port)

    assert resolve(flips, (), lookup) == "93.184.216.34"  # an address, not the name: nobody can look it up again
    with pytest.raises(Refused):
        resolve(flips, (), lookup)


def test_a_name_that_nobody_knows():
    def unknown(*_, **__):
        raise socket.gaierror

    for lookup in (unknown, names()):
        with pytest.raises(Invalid, match="cannot be found"):
            resolve(parse("https://nowhere.example/"), (), lookup)


def test_the_parts_of_a_url():
    place = parse("HTTPS://Hooks.Example.org.:8443/a/b?c=%20")
    assert (place.scheme, place.host, place.port, place.path) == ("https", "hooks.example.org", 8443, "/a/b?c=%20")
    assert parse("https://a.b?x=1").path == "/?x=1"
    assert parse("http://[::1]:80/").authority == "[::1]"
    assert parse("https://[::1]:80/").authority == "[::1]:80"
    assert parse("https://hooks.slack.com/services/T/B/secret").shown == "https://hooks.slack.com/…"


@given(st.ip_addresses())
def test_no_address_passes_that_the_internet_does_not_route(found):
    shown = f"[{found}]" if found.version == 6 else str(found)
    try:
        told = resolve(parse(f"https://{shown}/"), (), nobody)
    except Refused:
        return
    assert ipaddress.ip_address(told) == found
    assert found.is_global
    assert not any((found.is_multicast, found.is_reserved, found.is_loopback, found.is_link_local))
    assert getattr(found, "ipv4_mapped", None) is None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            place = parse(url)
        except Invalid:
            continue
        assert place.path.startswith("/")
        assert place.path.isascii()
        assert not set(place.authority) & set("@/?#\\ \r\n")
