use serde_json::{Value, from_value, json, to_value};

use super::*;

fn exempt(text: &str) -> ExemptPath {
    text.parse().unwrap()
}

#[test]
fn a_prefix_covers_only_paths_below_it() {
    let covers = |path: &str| exempt("/v1/{*rest}").covers_path(path);
    for below in ["/v1/a", "/v1/a/", "/v1/a/b.c", "/v1/a%20b", "/v1/{id}/..x"] {
        assert!(covers(below), "{below}");
    }
    for path in [
        "/v1",
        "/v1/",
        "/v10/a",
        "/v1/../admin",
        "/v1/./a",
        "/v1/a/..",
        "/v1//admin",
        "/v1/%2e%2e/admin",
        "/v1/%2E./admin",
        "/v1/..%2fadmin",
        "/v1/a%2Fb",
        "/v1/%252e%252e/admin",
        "/v1/..;/admin",
        "/v1/..%3b/admin",
        "/v1/..\\admin",
        "/v1/..%5Cadmin",
        "/v1/a%00",
    ] {
        assert!(!covers(path), "{path}");
    }
    let of_route = exempt("/v1{*rest}");
    assert!(of_route.covers_path("/v1{*rest}") && !of_route.covers_path("/v10/a"));
}

#[test]
fn an_exemption_is_for_one_method_or_all() {
    for (text, method, path, covered) in [
        ("/health", None, "/health", true),
        ("/health", Some(Method::Get), "/health", true),
        ("GET:/health", Some(Method::Get), "/health", true),
        ("GET:/health", Some(Method::Head), "/health", false),
        ("GET:/health", None, "/health", false),
        ("/health", None, "/health/", false),
        ("/health", None, "/healthy", false),
        ("/health", None, "/HEALTH", false),
        ("/v1/{*rest}", Some(Method::Put), "/v1/a/{b}", true),
        ("/v1/{*rest}", None, "/v1/{*path}", true),
        ("/v1/{*rest}", None, "/v1/", false),
        ("/v1/{*rest}", None, "/v1", false),
        ("/v1/{*rest}", None, "/v10/a", false),
        ("GET:/v1/{*rest}", Some(Method::Get), "/v1/a", true),
        ("GET:/v1/{*rest}", Some(Method::Post), "/v1/a", false),
        ("GET:/v1/{*rest}", None, "/v1/a", false),
        ("/{*rest}", None, "/a", true),
        ("/a/{{*b}}", None, "/a/{{*b}}", true),
        ("/a/{{*b}}", None, "/a/{{c", false),
        ("/users/{id}", None, "/users/{id}", true),
        ("/users/{id}", None, "/users/7", false),
    ] {
        assert_eq!(
            exempt(text).covers(method, path),
            covered,
            "{text}: {method:?} {path}"
        );
    }
}

#[test]
fn explains_mistakes() {
    for (text, problem) in [
        (
            "health",
            "expected `METHOD:/path`, such as `GET:/payments` (write `/path` or `METHOD:/path`)",
        ),
        (
            "get:/health",
            "`get` is not a service name: `get` is an HTTP method; the method is written `GET` \
             (write `/path` or `METHOD:/path`)",
        ),
        ("billing:/health", "`billing` is not an HTTP method"),
        ("billing:GET:/health", "`billing` is not an HTTP method"),
    ] {
        let error = text.parse::<ExemptPath>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("invalid exempt path `{text}`: {problem}")
        );
        assert!(from_value::<ExemptPath>(json!(text)).is_err());
    }
}

#[test]
fn round_trips_as_in_the_contract() {
    let text = json!({
        "enabled": true,
        "reason": "upgrade",
        "exempt_paths": ["/health", "GET:/status"],
        "include_force_active": true,
    });
    let global: GlobalMaintenance = from_value(text.clone()).unwrap();
    assert!(global.exempts(Some(Method::Get), "/status"));
    assert!(!global.exempts(Some(Method::Post), "/status"));
    assert_eq!(to_value(&global).unwrap(), text);
    let empty: GlobalMaintenance = from_value(json!({})).unwrap();
    assert_eq!(empty, GlobalMaintenance::default());
    assert_eq!(
        to_value(&empty).unwrap(),
        json!({"enabled": false, "reason": "", "exempt_paths": [], "include_force_active": false})
    );
}

fn at(hour: u32) -> Timestamp {
    format!("2030-01-01T{hour:02}:00:00Z").parse().unwrap()
}

fn during(start: Option<u32>, end: Option<u32>) -> GlobalMaintenance {
    GlobalMaintenance {
        enabled: true,
        reason: "upgrade".parse().unwrap(),
        start: start.map(at),
        end: end.map(at),
        ..GlobalMaintenance::default()
    }
}

#[test]
fn the_state_follows_from_the_window() {
    for (start, end, holds, changes) in [
        (None, None, [true; 4], [None; 4]),
        (
            Some(1),
            Some(3),
            [false, true, true, false],
            [Some(1), Some(3), Some(3), None],
        ),
        (
            None,
            Some(3),
            [true, true, true, false],
            [Some(3), Some(3), Some(3), None],
        ),
        (
            Some(2),
            None,
            [false, false, true, true],
            [Some(2), Some(2), None, None],
        ),
    ] {
        let set = during(start, end);
        for (hour, (holds, change)) in (0..).zip(holds.into_iter().zip(changes)) {
            let name = format!("{start:?} {end:?} at {hour}");
            assert_eq!(set.holds_at(at(hour)), holds, "{name}");
            assert_eq!(set.next_change(at(hour)), change.map(at), "{name}");
            let shown = set.at(at(hour));
            assert_eq!(shown.enabled, holds, "{name}");
            let is_over = end.is_some_and(|end| end <= hour);
            assert_eq!(shown == GlobalMaintenance::default(), is_over, "{name}");
            assert_eq!(shown.start.is_some(), start.is_some() && !is_over, "{name}");
        }
        assert_eq!(set.is_unbounded(), start.is_none() && end.is_none());
        let off = GlobalMaintenance {
            enabled: false,
            ..set
        };
        assert_eq!((off.holds_at(at(2)), off.next_change(at(0))), (false, None));
    }
}

#[test]
fn windows_and_exempt_clients_share_the_grammar_of_routes() {
    let text = json!({
        "enabled": true,
        "reason": "",
        "exempt_paths": [],
        "include_force_active": false,
        "start": "2030-01-01T02:00:00Z",
        "end": "2030-01-01T04:00:00Z",
        "exempt_ips": ["10.0.0.0/8", "2001:db8::/32"],
        "exempt_roles": ["ops"],
    });
    let global: GlobalMaintenance = from_value(text.clone()).unwrap();
    assert_eq!(to_value(&global).unwrap(), text);
    for (changed, value, problem) in [
        (
            "end",
            json!("2030-01-01T02:00:00Z"),
            "the window must end after it starts",
        ),
        ("end", json!("later"), "invalid instant `later`"),
        (
            "exempt_ips",
            json!(["10.0.0.0/33"]),
            "invalid CIDR `10.0.0.0/33`",
        ),
        ("exempt_roles", json!(["a b"]), "invalid role name `a b`"),
    ] {
        let mut text: Value = text.clone();
        text[changed] = value;
        let error = from_value::<GlobalMaintenance>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(problem), "{error}");
    }
}
