//! The client named by a forwarding header.

use std::net::IpAddr;

use proptest::{collection::vec, prelude::*};
use waygate_core::{grammar::parse_cidr, net::TrustedProxies};

fn proxy() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c])),
        any::<u16>().prop_map(|n| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n])),
    ]
}

fn outsider() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 2]>().prop_map(|[a, b]| IpAddr::from([203, 0, a, b])),
        any::<u16>().prop_map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n])),
    ]
}

fn trusted() -> TrustedProxies {
    TrustedProxies::networks(["10.0.0.0/8", "fd00::/8"].map(|text| parse_cidr(text).unwrap()))
}

/// The ways in which a proxy may write an address.
fn spelled(address: IpAddr, form: u8) -> String {
    match (address, form % 6) {
        (_, 0) => address.to_string(),
        (IpAddr::V4(_), 1) => format!("{address}:8080"),
        (IpAddr::V6(_), 1) => format!("[{address}]:8080"),
        (IpAddr::V4(_), 2) => format!("for={address};proto=https"),
        (IpAddr::V6(_), 2) => format!("proto=https;For=\"[{address}]\""),
        (IpAddr::V4(v4), 3) => v4.to_ipv6_mapped().to_string(),
        (IpAddr::V4(_), 4) => format!("for=\"{address}:_port\""),
        (IpAddr::V6(_), 4) => format!("for=\"[{address}]:_port\""),
        _ => format!("  {address}\t"),
    }
}

/// Anything that a client may send before a proxy adds to it.
fn forged() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let list = vec(proxy().prop_map(|proxy| proxy.to_string()), 0..4)
        .prop_map(|addresses| addresses.join(", ").into_bytes());
    let line = prop_oneof![
        vec(any::<u8>(), 0..40),
        list,
        "(for=|\"|\\[|10.0.0.1|,|;|unknown|_x| ){0,12}".prop_map(String::into_bytes),
    ];
    vec(line, 0..3)
}

/// The header's lines: the client's text and the proxies' additions, on the last line or on a new one.
fn lines(forged: &[Vec<u8>], added: &[String], new_line: bool) -> Vec<Vec<u8>> {
    let mut lines = forged.to_vec();
    let added = added.join(",").into_bytes();
    match lines.last_mut() {
        Some(last) if !new_line => {
            last.extend(b", ");
            last.extend(added);
        }
        _ => lines.push(added),
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn forged_headers_never_change_the_client(
        forged in forged(),
        client in outsider(),
        proxies in vec(proxy(), 0..4),
        peer in proxy(),
        forms in vec(any::<u8>(), 5),
        new_line in any::<bool>(),
    ) {
        let chain = std::iter::once(&client).chain(&proxies);
        let added: Vec<_> = chain.zip(&forms).map(|(hop, form)| spelled(*hop, *form)).collect();
        let lines = lines(&forged, &added, new_line);
        prop_assert_eq!(trusted().client(peer, &lines), client);
        let hops = TrustedProxies::hops(proxies.len() + 1);
        prop_assert_eq!(hops.client(peer, &lines), client);
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_sends(forged in forged(), peer in outsider()) {
        prop_assert_eq!(trusted().client(peer, &forged), peer);
        prop_assert_eq!(TrustedProxies::none().client(peer, &forged), peer);
    }

    #[test]
    fn a_hop_without_an_address_leaves_the_last_proxy(
        forged in forged(),
        hidden in proptest::sample::select(vec!["unknown", "_x", "for=unknown", "for=\"_x\"", "?", ""]),
        proxies in vec(proxy(), 0..4),
        peer in proxy(),
    ) {
        let chain = proxies.iter().map(IpAddr::to_string);
        let added: Vec<_> = std::iter::once(hidden.to_owned()).chain(chain).collect();
        let expected = proxies.first().copied().unwrap_or(peer);
        prop_assert_eq!(trusted().client(peer, &lines(&forged, &added, true)), expected);
    }
}
