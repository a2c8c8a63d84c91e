"""No way to write an address leads into a network that is not to be asked, and no URL brings anything but our own errors."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.outbound.errors import OutboundError, Reason
from media.outbound.rules import Rules, read_rules
from media.outbound.target import Target, parse_target, redacted
from media.places import read_bucket_rules
from media.source_rules import SourceRules, check_source
from models.failures import Failure, FailureCode, FailureError

RULES = read_rules("80,443", "")

WRITTEN = {
    "loopback": "http://127.0.0.1/",
    "loopback elsewhere": "http://127.8.9.10/",
    "this host": "http://0.0.0.0/",
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "octal whole": "http://017700000001/",
    "hexadecimal": "http://0x7f.0.0.1/",
    "hexadecimal whole": "http://0x7f000001/",
    "shortened": "http://127.1/",
    "five parts": "http://127.0.0.0.1/",
    "trailing dot": "http://127.0.0.1./",
    "fullwidth digits": "http://" + "127.0.0.1".translate({n: n + 0xFEE0 for n in range(0x30, 0x3A)}) + "/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "percent-encoded": "http://%31%32%37.0.0.1/",
    "localhost": "http://localhost/",
    "localhost with a dot": "http://LOCALHOST./",
    "below localhost": "http://a.localhost/",
    "private 10": "http://10.0.0.1/",
    "private 172": "http://172.16.5.4/",
    "private 192": "http://192.168.1.1/",
    "shared": "http://100.64.0.1/",
    "link-local": "http://169.254.1.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata of Alibaba": "http://100.100.100.200/",
    "metadata of Azure": "http://168.63.129.16/",
    "multicast": "http://224.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "reserved": "http://240.0.0.1/",
    "benchmarking": "http://198.18.0.1/",
    "documentation": "http://192.0.2.1/",
    "relays of 6to4": "http://192.88.99.1/",
    "IPv6 loopback": "http://[::1]/",
    "IPv6 nothing": "http://[::]/",
    "IPv6 mapped": "http://[::ffff:8.8.8.8]/",
    "IPv6 mapped loopback": "http://[::ffff:7f00:1]/",
    "IPv6 compatible": "http://[::8.8.8.8]/",
    "IPv6 translated": "http://[::ffff:0:8.8.8.8]/",
    "NAT64": "http://[64:ff9b::8.8.8.8]/",
    "NAT64 of its own": "http://[64:ff9b:1::a00:1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "Teredo": "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "unique local": "http://[fd00::1]/",
    "metadata of Amazon, IPv6": "http://[fd00:ec2::254]/",
    "site-local": "http://[fec0::1]/",
    "IPv6 link-local": "http://[fe80::1]/",
    "IPv6 link-local with a zone": "http://[fe80::1%25eth0]/",
    "IPv6 multicast": "http://[ff02::1]/",
    "IPv6 documentation": "http://[2001:db8::1]/",
    "user as host": "http://example.com@127.0.0.1/",
    "user with a colon": "http://example.com:80@127.0.0.1/",
    "two ats": "http://a@example.com@127.0.0.1/",
    "backslash": "http://127.0.0.1\\@example.com/",
    "backslash before": "http://example.com\\@127.0.0.1/",
    "tab": "http://127.0.0\t.1/",
    "line break": "http://example.com/\r\nHost: 127.0.0.1",
    "port": "http://example.com:6379/",
    "port nought": "http://example.com:0/",
    "port too high": "http://example.com:65536/",
    "port that is none": "http://example.com:http/",
    "no host": "http:///a.jpg",
    "space in the host": "http://exa mple.com/",
    "empty label": "http://a..b/",
    "long label": "http://" + "a" * 64 + ".com/",
    "another scheme": "gopher://example.com/",
    "file": "file:///etc/passwd",
    "nothing": "",
}


def refused(url: str, rules: Rules = RULES, owner: str = "default") -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        rules.check(parse_target(url), owner)
    return caught.value


@pytest.mark.parametrize("how", WRITTEN)
def test_an_address_of_a_network_that_is_not_asked_is_refused_however_it_is_written(how: str) -> None:
    assert refused(WRITTEN[how]).reason is Reason.NOT_ALLOWED


@pytest.mark.parametrize(
    ("url", "host", "authority", "request_target"),
    [
        ("https://example.com", "example.com", "example.com", "/"),
        ("HTTPS://Example.COM./A?b=C#d", "example.com", "example.com", "/A?b=C"),
        ("http://example.com:443/a%2Fb c", "example.com", "example.com:443", "/a%2Fb%20c"),
        ("https://u:p@example.com/ü.jpg", "example.com", "example.com", "/%C3%BC.jpg"),
        ("https://bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example", "/"),
        ("http://8.8.8.8/a", "8.8.8.8", "8.8.8.8", "/a"),
        ("http://[2606:4700::1111]:443/", "2606:4700::1111", "[2606:4700::1111]:443", "/"),
    ],
)
def test_what_is_asked_is_what_was_written(url: str, host: str, authority: str, request_target: str) -> None:
    target = parse_target(url)
    RULES.check(target, "default")
    assert (target.host, target.authority, target.request_target) == (host, authority, request_target)


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::ffff:8.8.8.8"], ["fe80::1%eth0"]]
)
def test_a_name_is_refused_when_one_of_its_addresses_is(addresses: Sequence[str]) -> None:
    RULES.check_addresses("example.com", 443, ["8.8.8.8", "2606:4700::1111"], "default")
    with pytest.raises(OutboundError, match="MEDIASCRIBE_ALLOWED_HOSTS"):
        RULES.check_addresses("example.com", 443, addresses, "default")


@pytest.mark.parametrize(
    ("allowed", "host", "address", "port", "is_allowed"),
    [
        ("media.internal", "media.internal", "10.0.0.1", 80, True),
        ("media.internal", "other.internal", "10.0.0.1", 80, False),
        ("media.internal", "media.internal", "10.0.0.1", 9000, False),
        ("media.internal:9000", "media.internal", "10.0.0.1", 9000, True),
        ("media.internal:9000", "media.internal", "10.0.0.1", 80, False),
        ("*.internal", "a.internal", "10.0.0.1", 80, True),
        ("*.internal", "internal", "10.0.0.1", 80, False),
        ("*.internal", "evilinternal", "10.0.0.1", 80, False),
        ("10.1.0.0/16", "anything", "10.1.2.3", 443, True),
        ("10.1.0.0/16", "anything", "10.2.2.3", 443, False),
        ("[fd00::/8]:81", "anything", "fd00::1", 81, True),
        ("fd00::/8", "anything", "fd00::1", 80, True),
        ("ours=10.0.0.0/8", "anything", "10.0.0.1", 80, True),
        ("theirs=10.0.0.0/8", "anything", "10.0.0.1", 80, False),
        ("a, ours = b", "b", "10.0.0.1", 80, True),
        ("0.0.0.0/0,::/0,metadata", "metadata", "169.254.169.254", 80, False),
        ("0.0.0.0/0", "anything", "168.63.129.16", 80, False),
    ],
)
def test_an_allowance_opens_what_it_names_and_no_more(
    allowed: str, host: str, address: str, port: int, *, is_allowed: bool
) -> None:
    rules = read_rules("80,443", allowed)
    if is_allowed:
        rules.check_addresses(host, port, [address], "ours")
    else:
        with pytest.raises(OutboundError):
            rules.check_addresses(host, port, [address], "ours")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "a b", "=a", "a:99999", "a:x", "http://a", "127.1", "[::1", "[::1]80"])
def test_an_allowance_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no host|no port|no owner"):
        read_rules("80", text)


@pytest.mark.parametrize("text", ["", "0", "80;443", "65536", "http"])
def test_ports_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="port"):
        read_rules(text, "")


@pytest.mark.parametrize(
    ("location", "url", "keeps_credentials"),
    [
        ("/b.jpg", "https://example.com/b.jpg", True),
        ("b.jpg?x=1", "https://example.com/a/b.jpg?x=1", True),
        ("https://EXAMPLE.com:443/b", "https://example.com/b", True),
        ("//other.example/b", "https://other.example/b", False),
        ("http://example.com/b", "http://example.com/b", False),
        ("https://example.com:8443/b", "https://example.com:8443/b", False),
        ("https://sub.example.com/b", "https://sub.example.com/b", False),
    ],
)
def test_credentials_stay_with_the_origin_they_were_given_for(
    location: str, url: str, *, keeps_credentials: bool
) -> None:
    target = parse_target("https://ada:secret@example.com/a/a.jpg").joined(location)
    assert f"{target.scheme}://{target.authority}{target.request_target}" == url
    assert (target.user, target.password) == ((b"ada", b"secret") if keeps_credentials else (b"", b""))


def test_a_redirect_to_another_scheme_is_refused() -> None:
    for location in ("file:///etc/passwd", "ftp://example.com/a", "javascript:alert(1)", "http://[::1"):
        with pytest.raises(OutboundError):
            parse_target("https://example.com/").joined(location)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://ada:secret@example.com/a.jpg?sig=secret#secret", "https://example.com/a.jpg"),
        ("https://ada:se/cret@example.com/a.jpg", "https://…/…"),
        ("https://example.com/@ada/a.jpg?secret", "https://example.com/@ada/a.jpg"),
        ("HTTP://[::1?secret", "HTTP://[::1"),
        ("https://secret@[::1/a", "https://[::1/a"),
        ("/photos/a?b#c.jpg", "/photos/a?b#c.jpg"),
        ("https://a/\x1b[31m", "https://a/?[31m"),
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(source: str, shown: str) -> None:
    assert redacted(source) == shown


def test_a_target_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(parse_target("https://ada:secret@example.com/a?sig=secret"))


URLS = st.one_of(
    st.text(),
    st.builds("{}://{}".format, st.sampled_from(["http", "https", "s3", "gs", "az", "HTTP", "ftp", "s3a"]), st.text()),
    st.builds(
        "http{}://{}{}:{}/{}".format, st.sampled_from(["", "s"]), st.sampled_from(["", "a@", "a:b@", "@"]),
        st.text(alphabet="0123456789abcdefx.:[]%-_٣①ß。\u200d"), st.integers(-1, 70_000), st.text(),
    ),
)  # fmt: skip


@given(URLS)
@example("http://[::1%25é]/")
@example("https://\ud800/")
@example("https://a/\ud800")
@example("https://xn--a/")
@example("https://ß\u200d.example/")
def test_no_text_brings_anything_but_a_failure(source: str) -> None:
    rules = SourceRules(outbound=RULES, buckets=read_bucket_rules(""))
    redacted(source)
    failure: Failure | None = None
    try:
        check_source(source, rules, "default")
    except FailureError as error:
        failure = error.failure
    assert failure is None or failure.code in {FailureCode.SOURCE_FORBIDDEN, FailureCode.SOURCE_NOT_FOUND}
    assert failure is None or not failure.retryable


@given(URLS)
def test_what_passes_is_sent_as_plain_ascii(source: str) -> None:
    try:
        target: Target = parse_target(source)
    except OutboundError:
        return
    line = f"{target.authority} {target.request_target}"
    assert line.isascii()
    assert line.isprintable()
    assert line.count(" ") == 1
