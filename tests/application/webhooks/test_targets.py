"""Where webhooks may call."""

import pytest

from application.webhooks.targets import LONGEST_URL, TargetPolicy, TargetRefused, address_kind

PRODUCTION = TargetPolicy(allow_private=False, allow_http=False)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "reserved"),  # noqa: S104 - as an address to call
        ("10.1.2.3", "private"),
        ("100.64.0.1", "shared"),
        ("100.127.255.255", "shared"),
        ("127.8.9.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("198.19.255.255", "benchmark"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "reserved"),
        ("::1", "loopback"),
        ("::127.0.0.1", "reserved"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b:1::1", "reserved"),
        ("100::1", "reserved"),
        ("2001::1", "reserved"),
        ("2001:2::1", "benchmark"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::", "reserved"),
        ("3fff::1", "documentation"),
        ("5f00::1", "reserved"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
    ],
)
def test_special_addresses_are_told_by_their_kind(address: str, kind: str) -> None:
    assert address_kind(address) == kind


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "::ffff:1.1.1.1"],
)
def test_others_are_of_the_public_internet(address: str) -> None:
    assert address_kind(address) is None
    assert address_kind("64:ff9b::1.1.1.1") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hook?x=1",
        "https://SHOP.example:8443",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]:444/",
        "https://xn--bcher-kva.example./",
    ],
)
def test_a_url_of_the_public_internet_is_allowed(url: str) -> None:
    PRODUCTION.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "shop.example/hook",
        "https:///hook",
        "https://user@shop.example/",
        "https://:password@shop.example/",
        "https://shop.example/#part",
        "https://shop.example:5432/",
        "https://shop.example:25/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://127%2e0%2e0%2e1/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:10.0.0.1]/",
        "https://shop.example\\@127.0.0.1/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://b\u00fccher.example/",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "https://" + "a" * 64 + ".example/",
        "https://shop.example/" + "a" * LONGEST_URL,
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        PRODUCTION.check_url(url)


def test_development_may_call_this_machine_but_no_database() -> None:
    development = TargetPolicy(allow_private=True, allow_http=True)
    development.check_url("http://localhost:8000/hook")
    development.check_url("http://[::1]:8000/hook")
    with pytest.raises(TargetRefused):
        development.check_url("http://127.0.0.1:5432/")
