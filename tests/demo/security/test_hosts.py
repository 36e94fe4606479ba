"""Names that the server answers to, and pages that may send it something."""

from __future__ import annotations

import socket

import pytest
from support.asgi import application, ask

from swinviz.demo.security.hosts import AllowedHosts, HostCheck

HERE = "127.0.0.1:7860"


def check(listening: str = "127.0.0.1", *more: str) -> HostCheck:
    return HostCheck(application(), AllowedHosts(listening, more))


@pytest.mark.parametrize("host", [HERE, "localhost:7860", "LOCALHOST", "[::1]:7860", "127.0.0.2"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_this_machines_names_are_answered(host: str, kind: str) -> None:
    assert ask(check(), headers={"Host": host}, kind=kind) in (200, 101)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil.example", "",
     "192.168.0.7:7860", "93.184.216.34", "[2001:db8::1]", "127.0.0.1@evil.example", "localhost:7860:80"],
)  # fmt: skip
def test_a_name_that_somebody_else_gave_this_machine_is_not_answered(host: str) -> None:
    assert ask(check(), headers={"Host": host}) == 421
    assert ask(check(), headers={"Host": host}, kind="websocket") == 403
    assert ask(check(), "POST", headers={"Host": host, "Origin": f"http://{host}"}) == 421


def test_a_request_without_a_name_is_not_answered() -> None:
    assert ask(check()) == 421


def test_a_server_of_all_addresses_answers_to_addresses_and_its_own_name_only() -> None:
    everywhere = check("0.0.0.0")
    for host in ("192.168.0.7:7860", "[2001:db8::1]:80", "localhost", socket.gethostname()):
        assert ask(everywhere, headers={"Host": host}) == 200, host
    assert ask(everywhere, headers={"Host": "evil.example"}) == 421


def test_names_can_be_allowed_one_by_one_below_a_domain_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(check("Box.example.org"), headers={"Host": "box.example.org:7860"}) == 200
    some = check("192.168.0.7", "Demo.example.org", "*.lab.example.org")
    for host in ("192.168.0.7:7860", "demo.example.org", "a.lab.example.org:443"):
        assert ask(some, headers={"Host": host}) == 200, host
    for host in ("example.org", "lab.example.org", "192.168.0.8"):
        assert ask(some, headers={"Host": host}) == 421, host
    assert ask(check("127.0.0.1", "*"), headers={"Host": "any.example"}) == 200
    monkeypatch.setenv("SPACE_HOST", "ada-swinviz.hf.space")
    assert ask(check("0.0.0.0"), headers={"Host": "ada-swinviz.hf.space"}) == 200


def test_a_tunnels_name_can_be_added_when_it_is_known() -> None:
    hosts = AllowedHosts("127.0.0.1")
    hosts.add("1a2b.gradio.live")
    assert hosts.allow("1a2b.gradio.live")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "http://localhost:7860",
     "http://127.0.0.1:7860.evil.example"],
)  # fmt: skip
def test_a_page_of_another_origin_may_send_nothing_and_open_no_socket(origin: str) -> None:
    headers = {"Host": HERE, "Origin": origin}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert ask(check(), method, "/gradio_api/upload", headers) == 403
    assert ask(check(), headers=headers, kind="websocket") == 403
    assert ask(check(), "GET", headers=headers) == 200  # which changes nothing, and cannot be read there


def test_the_servers_own_page_and_programs_may() -> None:
    for headers in (
        {"Host": HERE, "Origin": f"http://{HERE}"},
        {"Host": HERE},
        {"Host": HERE, "X-Forwarded-Host": "demo.example.org", "Origin": "https://demo.example.org"},
    ):
        assert ask(check(), "POST", headers=headers) == 200
        assert ask(check(), headers=headers, kind="websocket") == 101


def test_a_browser_that_says_cross_site_without_an_origin_is_believed() -> None:
    assert ask(check(), "POST", headers={"Host": HERE, "Sec-Fetch-Site": "cross-site"}) == 403
