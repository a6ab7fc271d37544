use super::*;
use crate::grammar::parse_cidr;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn internal() -> TrustedProxies {
    TrustedProxies::networks(["10.0.0.0/8", "fd00::/8"].map(|text| parse_cidr(text).unwrap()))
}

/// Returns the client named by one line of a trusted peer.
fn client_of(line: &str) -> String {
    internal().client(ip("10.0.0.1"), [line]).to_string()
}

#[test]
fn by_default_the_peer_is_the_client() {
    for proxies in [
        TrustedProxies::none(),
        TrustedProxies::default(),
        TrustedProxies::hops(0),
    ] {
        assert!(!proxies.trusts_any());
        assert_eq!(
            proxies.client(ip("10.0.0.1"), ["203.0.113.9"]),
            ip("10.0.0.1")
        );
    }
    assert!(internal().trusts_any());
    assert!(TrustedProxies::hops(1).trusts_any());
}

#[test]
fn headers_of_an_untrusted_peer_are_ignored() {
    let client = internal().client(ip("198.51.100.7"), ["203.0.113.9"]);
    assert_eq!(client, ip("198.51.100.7"));
}

#[test]
fn the_first_untrusted_hop_from_the_right_is_the_client() {
    assert_eq!(client_of("203.0.113.9"), "203.0.113.9");
    assert_eq!(client_of("1.1.1.1, 203.0.113.9"), "203.0.113.9");
    assert_eq!(
        client_of("1.1.1.1, 203.0.113.9, 10.9.9.9,10.0.0.2"),
        "203.0.113.9"
    );
    assert_eq!(client_of("10.0.0.3, 203.0.113.9"), "203.0.113.9");
}

#[test]
fn lines_of_the_header_form_one_list() {
    let client = internal().client(ip("10.0.0.1"), ["1.1.1.1", "203.0.113.9", "10.0.0.2"]);
    assert_eq!(client, ip("203.0.113.9"));
}

#[test]
fn a_chain_of_trusted_proxies_ends_at_the_first_of_them() {
    assert_eq!(client_of("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_eq!(internal().client(ip("10.0.0.1"), [""; 0]), ip("10.0.0.1"));
}

#[test]
fn a_hop_without_an_address_ends_the_chain() {
    for hop in [
        "",
        " ",
        "unknown",
        "_hidden",
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden:80\"",
        "by=203.0.113.9",
        "for",
        "for=",
        "=",
        "203.0.113",
        "203.0.113.9.1",
        "203.0.113.256",
        "0313.0.113.9",
        "203.0.113.9:",
        "203.0.113.9:x",
        "203.0.113.9:65536",
        "203.0.113.9:80:80",
        "203.0.113.9:_",
        "[203.0.113.9]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "2001:db8::1]:80",
        "fe80::1%eth0",
        "\"203.0.113.9",
        "203.0.113.9\"",
        "for=\"203.0.113.9",
        "203.0.113.9 203.0.113.10",
        "203.0.113.9;203.0.113.10",
        "\u{a0}203.0.113.9",
        "example.com",
    ] {
        assert_eq!(client_of(hop), "10.0.0.1", "{hop:?}");
        let line = format!("1.1.1.1, {hop}, 10.0.0.2");
        assert_eq!(client_of(&line), "10.0.0.2", "{hop:?}");
    }
}

#[test]
fn quoted_text_is_no_element() {
    for element in [
        r#"for=203.0.113.9;host="x,for=10.0.0.1;a=""#,
        r#"host="a;for=10.0.0.1;b=";for=203.0.113.9"#,
        r#"host="x\",for=10.0.0.1;a=\"";for=203.0.113.9"#,
        r#"host="\\";for=203.0.113.9"#,
        r#"for=203.0.113.9;secret="a,b;c""#,
    ] {
        assert_eq!(client_of(element), "203.0.113.9", "{element}");
        // Text that the client sent before it does not swallow it.
        for before in ["for=10.0.0.9", "for=\"10.0.0.9", "\"", "a=\"b", "\\"] {
            let line = format!("{before}, {element}");
            assert_eq!(client_of(&line), "203.0.113.9", "{line}");
        }
    }
    // Two of them are ambiguous.
    assert_eq!(client_of("for=203.0.113.9;for=203.0.113.10"), "10.0.0.1");
}

#[test]
fn clients_behind_a_translator_are_counted_separately() {
    let of = |text: &str| client_network(ip(text), IPV6_CUSTOMER);
    assert_eq!(of("64:ff9b::203.0.113.9"), ip("64:ff9b::203.0.113.9"));
    assert_ne!(of("64:ff9b::203.0.113.9"), of("64:ff9b::203.0.113.10"));
    assert_eq!(of("64:ff9b:1::1"), ip("64:ff9b:1::"));
}

#[test]
fn bytes_that_are_not_text_only_end_the_chain() {
    let client = internal().client(ip("10.0.0.1"), [b"\xff\xfe, 203.0.113.9".as_slice()]);
    assert_eq!(client, ip("203.0.113.9"));
    let client = internal().client(ip("10.0.0.1"), [b"1.1.1.1, \xff".as_slice()]);
    assert_eq!(client, ip("10.0.0.1"));
}

#[test]
fn accepts_every_spelling_of_an_address() {
    for hop in [
        "203.0.113.9",
        "\t203.0.113.9 ",
        "203.0.113.9:8080",
        "203.0.113.9:_port",
        "\"203.0.113.9\"",
        "::ffff:203.0.113.9",
        "[::ffff:203.0.113.9]:8080",
        "for=203.0.113.9",
        "For=203.0.113.9",
        "proto=https;for=203.0.113.9;by=10.0.0.1",
        "for = \"203.0.113.9:8080\" ; proto=http",
        "for=\"[::ffff:cb00:7109]\"",
    ] {
        assert_eq!(client_of(hop), "203.0.113.9", "{hop}");
    }
    for hop in [
        "2001:db8::1",
        "2001:DB8:0:0:0:0:0:1",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
        "for=\"[2001:db8::1]\"",
        "for=\"[2001:db8::1]:_x\"",
    ] {
        assert_eq!(client_of(hop), "2001:db8::1", "{hop}");
    }
}

#[test]
fn a_quote_opened_by_the_client_does_not_swallow_proxy_entries() {
    assert_eq!(client_of("for=\"1.1.1.1, for=203.0.113.9"), "203.0.113.9");
    assert_eq!(
        client_of("for=\"[::1, for=203.0.113.9, for=10.0.0.2"),
        "203.0.113.9"
    );
}

#[test]
fn mapped_and_plain_addresses_are_the_same() {
    let client = internal().client(ip("::ffff:10.0.0.1"), ["203.0.113.9, ::ffff:10.0.0.2"]);
    assert_eq!(client, ip("203.0.113.9"));
    let mapped = TrustedProxies::networks(["::ffff:10.0.0.0/104".parse().unwrap()]);
    assert_eq!(
        mapped.client(ip("10.0.0.1"), ["203.0.113.9"]),
        ip("203.0.113.9")
    );
    assert_eq!(
        TrustedProxies::none().client(ip("::ffff:10.0.0.1"), [""; 0]),
        ip("10.0.0.1")
    );
    assert_eq!(
        internal().client(ip("fd00::1"), ["2001:db8::9"]),
        ip("2001:db8::9")
    );
}

#[test]
fn only_the_configured_header_is_read() {
    assert_eq!(TrustedProxies::none().header().name(), "x-forwarded-for");
    assert_eq!(internal().header(), ForwardingHeader::XForwardedFor);
    let modern = internal().writing(ForwardingHeader::Forwarded);
    assert_eq!(modern.header().name(), "forwarded");
    assert!(modern.trusts_any());
}

#[test]
fn hops_are_counted_from_the_peer() {
    let line = "1.1.1.1, 203.0.113.9, 198.51.100.2";
    for (count, client) in [
        (1, "198.51.100.2"),
        (2, "203.0.113.9"),
        (3, "1.1.1.1"),
        (4, "1.1.1.1"),
        (usize::MAX, "1.1.1.1"),
    ] {
        let proxies = TrustedProxies::hops(count);
        assert_eq!(
            proxies.client(ip("198.51.100.1"), [line]),
            ip(client),
            "{count}"
        );
    }
}

#[test]
fn ipv6_clients_are_counted_by_their_64_prefix() {
    assert_eq!(
        client_network(ip("2001:db8:1:2:3:4:5:6"), IPV6_CUSTOMER),
        ip("2001:db8:1:2::")
    );
    assert_eq!(client_network(ip("203.0.113.9"), 64), ip("203.0.113.9"));
    assert_eq!(
        client_network(ip("::ffff:203.0.113.9"), 0),
        ip("203.0.113.9")
    );
}

#[test]
fn the_peer_of_a_unix_socket_is_the_first_hop() {
    let cloud = || TrustedProxies::networks(["10.0.0.0/8".parse().unwrap()]);
    let none: &[&str] = &[];
    for (proxies, lines, client) in [
        // Forwarding headers are ignored.
        (TrustedProxies::none(), &["203.0.113.9"][..], None),
        (cloud(), &["203.0.113.9"], None),
        (TrustedProxies::hops(0), &["203.0.113.9"], None),
        // Only the peer's own addition counts.
        (
            TrustedProxies::unix_socket(),
            &["1.1.1.1, 203.0.113.9"],
            Some("203.0.113.9"),
        ),
        (
            TrustedProxies::unix_socket(),
            &["1.1.1.1", "10.0.0.2"],
            Some("10.0.0.2"),
        ),
        (
            cloud().and_unix_socket(),
            &["1.1.1.1, 203.0.113.9, 10.0.0.2"],
            Some("203.0.113.9"),
        ),
        (
            TrustedProxies::hops(1),
            &["1.1.1.1, 203.0.113.9"],
            Some("203.0.113.9"),
        ),
        (
            TrustedProxies::hops(2),
            &["1.1.1.1, 203.0.113.9, 10.0.0.2"],
            Some("203.0.113.9"),
        ),
        // The peer names no address.
        (TrustedProxies::unix_socket(), none, None),
        (TrustedProxies::unix_socket(), &["1.1.1.1, unknown"], None),
        (TrustedProxies::unix_socket(), &["1.1.1.1,"], None),
    ] {
        let client = client.map(|client| client.parse::<IpAddr>().unwrap());
        let found = proxies.client_behind_socket(lines.iter().copied());
        assert_eq!(found, client, "{proxies:?} {lines:?}");
    }
    // A peer with an address is not that of a Unix socket.
    let peer = "203.0.113.1".parse().unwrap();
    let client = TrustedProxies::unix_socket().client(peer, ["1.1.1.1"]);
    assert_eq!(client, peer);
}
