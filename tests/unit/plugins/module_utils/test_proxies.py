"""NO_PROXY as Go's clients read it. The rows follow golang.org/x/net/http/httpproxy."""

from __future__ import annotations

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.proxies import (
    is_direct,
    is_listed,
    no_proxy,
    proxy_for,
    reached_directly,
)

PROXY = "http://proxy.example:3128"
IP, NAME, V6 = "https://10.240.1.2:6443/api", "https://api.example.com:6443/api", "https://[fd00::1]:6443/"
BARE, DEEP, OTHER = "https://example.com/", "https://deep.api.example.com/", "https://notexample.com/"
ALL = (IP, NAME, V6, BARE, DEEP, OTHER)


@pytest.mark.parametrize(
    ("exceptions", "direct"),
    [
        ("", ()),
        (",, ,", ()),
        ("*", ALL),
        ("x, *", ALL),
        ("10.240.1.2", (IP,)),
        ("10.240.1.2:6443", (IP,)),
        ("10.240.1.2:443", ()),
        ("::ffff:10.240.1.2", (IP,)),
        ("10.240.1.*", ()),
        ("10.240.0.0/16", (IP,)),
        ("10.240.0.0/255.255.0.0", ()),
        ("10.240.0.0/16:6443", ()),
        ("0.0.0.0/0", (IP,)),
        ("::/0", (V6,)),
        ("fd00::1", (V6,)),
        ("[fd00::1]", ()),
        ("[fd00::1]:6443", (V6,)),
        ("[fd00::1]:1", ()),
        ("example.com", (NAME, BARE, DEEP)),
        (".example.com", (NAME, DEEP)),
        ("*.example.com", (NAME, DEEP)),
        ("*example.com", ()),
        ("EXAMPLE.com", (NAME, BARE, DEEP)),
        ("example.com:443", (BARE, DEEP)),
        ("api.example.com:6443", (NAME,)),
        ("example.com.", ()),
        (":6443", ()),
        ("com", (NAME, BARE, DEEP, OTHER)),
        (" api.example.com , fd00::/8 ", (NAME, V6, DEEP)),
    ],
)
def test_what_is_reached_directly(exceptions: str, direct: tuple[str, ...]) -> None:
    assert tuple(url for url in ALL if is_direct(url, exceptions)) == direct


@pytest.mark.parametrize(
    "url", ["https://localhost:6443/", "https://127.0.0.1/", "https://127.8.8.8/", "https://[::1]/"]
)
def test_this_machine_is_never_asked_through_a_proxy(url: str) -> None:
    assert proxy_for(url, {"HTTPS_PROXY": PROXY}) == ""


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ({"HTTPS_PROXY": "", "https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, ""),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}, ""),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "example.com"}, ""),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "x", "no_proxy": "example.com"}, PROXY),
    ],
)
def test_the_variables(environ: dict[str, str], found: str) -> None:
    assert proxy_for(NAME, environ) == found


def test_http_has_a_variable_of_its_own_and_others_have_none() -> None:
    environ = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://other"}
    assert proxy_for("http://example.com", environ) == PROXY
    assert proxy_for("ftp://example.com", environ) == ""
    assert no_proxy({"no_proxy": "a"}) == "a"


def test_exceptions_that_are_given_count_instead_of_the_variable() -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}
    assert proxy_for(NAME, environ, exceptions="other.example") == PROXY
    assert proxy_for(NAME, {"HTTPS_PROXY": PROXY}, exceptions="example.com") == ""
    assert not is_listed("https://localhost:6443", "")
    assert is_listed("https://localhost:6443", "localhost")


@pytest.mark.parametrize("exceptions", ["", "a.example,10.0.0.0/8"])
@pytest.mark.parametrize("url", [IP, NAME, V6])
def test_a_program_can_be_told_to_go_directly(url: str, exceptions: str) -> None:
    environ = {"https_proxy": PROXY, "no_proxy": exceptions, "A": "b"}
    told = reached_directly(environ, url)
    assert (proxy_for(url, told), proxy_for(OTHER, told), told["A"]) == ("", PROXY, "b")
    assert proxy_for("https://a.example", told) == proxy_for("https://a.example", environ)
    assert reached_directly({"A": "b"}, url) == {"A": "b"}
