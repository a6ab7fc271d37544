use waygate_core::webhook::{Egress, TargetUrl};

/// URLs that are refused by the grammar, or by the default guard.
const REFUSED: &[&str] = &[
    // No `https`.
    "",
    "example.com",
    "//example.com/",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "HTTPS://example.com/",
    "https:example.com/",
    "https:/example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///run/docker.sock",
    " https://example.com/",
    "https ://example.com/",
    // Users, fragments and odd characters.
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1#@example.com/",
    "https://example.com/#x",
    "https://example.com/a b",
    "https://example.com/\n",
    "https://example.com/\r\nHost: x",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\\..",
    "https://exa\u{0000}mple.com/",
    "https://example.com/ü",
    "https://exämple.com/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://example.com/<x>",
    "https://example.com/{x}",
    // Hosts.
    "https:///path",
    "https://",
    "https://example.com",
    "https://:443/",
    "https://./",
    "https://../",
    "https://.example.com/",
    "https://example..com/",
    "https://Example.com/",
    "https://EXAMPLE.COM/",
    "https://-a.com/",
    "https://a-.com/",
    "https://exa%6dple.com/",
    "https://%31%32%37.0.0.1/",
    "https://exam ple.com/",
    "https://[example.com]/",
    "https://[::1/",
    "https://::1/",
    "https://[fe80::1%25eth0]/",
    "https://[::1]x/",
    "https://example.com:/",
    // Ports.
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:0443/",
    "https://example.com:+443/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:6379/",
    "https://example.com:80/",
    "https://example.com:443:443/",
    "https://example.com:x/",
    "https://example.com:8080/",
    "https://localhost:2375/",
    "https://example.com:-1/",
    // Addresses in other spellings.
    "https://127.1/",
    "https://127.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[ff02::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
];

#[test]
fn a_hundred_forms_of_urls_are_refused() {
    assert!(REFUSED.len() >= 100, "{}", REFUSED.len());
    let egress = Egress::default();
    for text in REFUSED {
        let allowed = text
            .parse::<TargetUrl>()
            .is_ok_and(|url| egress.check_url(&url).is_ok());
        assert!(!allowed, "{text:?} is allowed");
    }
    assert!(
        format!("https://example.com/{}", "a".repeat(2048))
            .parse::<TargetUrl>()
            .is_err()
    );
}

#[test]
fn ordinary_urls_pass() {
    for (text, host, port) in [
        ("https://example.com/", "example.com", 443),
        (
            "https://hooks.slack.com/services/T0/B0/x",
            "hooks.slack.com",
            443,
        ),
        ("https://example.com:8443/a?b=c&d=%20", "example.com", 8443),
        ("https://xn--exmple-cua.com/?q", "xn--exmple-cua.com", 443),
        ("https://a_b.example.com/", "a_b.example.com", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]:443/x", "[2606:4700::1111]", 443),
    ] {
        let url: TargetUrl = text.parse().unwrap();
        assert_eq!((url.host(), url.port(), url.as_str()), (host, port, text));
        Egress::default().check_url(&url).unwrap();
    }
    let url: TargetUrl = "https://example.com:8443/secret?token=x".parse().unwrap();
    assert_eq!(url.origin(), "https://example.com:8443");
}

#[test]
fn allowances_open_only_what_they_name() {
    let local: TargetUrl = "http://127.0.0.1:9000/".parse().unwrap();
    let network = || ["127.0.0.0/8".parse().unwrap()];
    let all = Egress::default()
        .allow_http(true)
        .allow_ports([9000])
        .allow_networks(network());
    all.check_url(&local).unwrap();
    for partly in [
        Egress::default()
            .allow_ports([9000])
            .allow_networks(network()),
        Egress::default().allow_http(true).allow_networks(network()),
        Egress::default().allow_http(true).allow_ports([9000]),
    ] {
        partly.check_url(&local).unwrap_err();
    }
    assert!(all.check_address("10.0.0.1".parse().unwrap()).is_err());
    assert!(
        all.check_address("::ffff:127.0.0.1".parse().unwrap())
            .is_err()
    );
}
