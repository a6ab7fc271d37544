use super::*;

#[test]
fn words_have_one_spelling() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse::<Algorithm>().unwrap(), *algorithm);
    }
    assert_eq!(
        "leaky".parse::<Algorithm>().unwrap_err().to_string(),
        "invalid algorithm `leaky`: use one of fixed_window, sliding_window, moving_window, token_bucket"
    );
    assert_eq!(OnMissingKey::FallbackIp.to_string(), "fallback_ip");
    assert!("Open".parse::<OnStoreFailure>().is_err());
}

#[test]
fn keys_consist_of_parts() {
    for text in [
        "ip",
        "user, path:tenant_id",
        "header:x-tenant",
        "custom",
        "api_key",
    ] {
        assert_eq!(text.parse::<KeySource>().unwrap().to_string(), text);
    }
    let key: KeySource = "header:X-Tenant,ip".parse().unwrap();
    assert_eq!(key.to_string(), "header:x-tenant, ip");
    for (text, problem) in [
        (
            "nope",
            "use `ip`, `user`, `api_key`, `global`, `header:X-Name` or `path:name`",
        ),
        (
            "header:",
            "write the header's name, such as `header:X-Tenant`",
        ),
        (
            "header:a b",
            "write the header's name, such as `header:X-Tenant`",
        ),
        (
            "path:{id}",
            "write the parameter's name, such as `path:tenant_id`",
        ),
        (
            "cookie:x",
            "only `header:` and `path:` take a name, as in `header:x-tenant` or `path:id`",
        ),
        ("ip, ip", "`ip` is given twice"),
        (
            "global, ip",
            "`global` distinguishes no requests; leave it out",
        ),
        ("ip,user,api_key,path:a,path:b", "a key has at most 4 parts"),
    ] {
        assert_eq!(
            text.parse::<KeySource>().unwrap_err().problem(),
            problem,
            "{text}"
        );
    }
}

#[test]
fn clients_cannot_avoid_being_counted_by_omitting_the_key() {
    let when_missing = |text: &str| text.parse::<KeySource>().unwrap().when_missing();
    assert_eq!(when_missing("user"), OnMissingKey::Exempt);
    assert_eq!(when_missing("custom"), OnMissingKey::Exempt);
    assert_eq!(when_missing("api_key"), OnMissingKey::FallbackIp);
    assert_eq!(
        when_missing("header:x-tenant, user"),
        OnMissingKey::FallbackIp
    );
}

#[test]
fn shares_are_exact() {
    for (text, points, spelled) in [
        ("0", 0, "0"),
        ("100", 10_000, "100"),
        ("12.5", 1_250, "12.5"),
        ("0.01", 1, "0.01"),
        ("7.50", 750, "7.5"),
    ] {
        let share: Percentage = text.parse().unwrap();
        assert_eq!(
            (share.basis_points(), share.to_string()),
            (points, spelled.to_owned())
        );
    }
    for text in ["", "-1", "100.01", "1.234", "x", "1e1", "1000"] {
        assert!(text.parse::<Percentage>().is_err(), "{text}");
    }
}
