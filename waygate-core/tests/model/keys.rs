//! Route keys and exemptions, for any text.

use proptest::prelude::*;
use waygate_core::{
    grammar::Method,
    model::{ExemptPath, RouteKey, WindowId},
};

fn text() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "/", "/", ":", ":", "GET", "get", "POST", "svc", "a.b-c_1", "{id}", "{*rest}", "{", "}",
        "{{", ".json", " ", "?", "ü", "\u{0}", "\u{202e}",
    ];
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..9);
    prop_oneof![3 => pieces.prop_map(|pieces| pieces.concat()), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_key_consists_of_its_parts(text in text()) {
        if let Ok(key) = text.parse::<RouteKey>() {
            let mut parts = String::new();
            for part in [key.service(), key.method().map(Method::as_str)].into_iter().flatten() {
                parts.push_str(part);
                parts.push(':');
            }
            parts.push_str(key.path());
            prop_assert_eq!(&parts, &text);
            prop_assert_eq!(key.as_str(), &text);
            let stored = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<RouteKey>(&stored).unwrap(), key);
        }
    }

    #[test]
    fn an_exemption_is_a_key_without_a_service(text in text()) {
        let exempt = text.parse::<ExemptPath>();
        let key = text.parse::<RouteKey>().ok().filter(|key| key.service().is_none());
        prop_assert_eq!(exempt.is_ok(), key.is_some(), "{}", text);
        if let Ok(exempt) = exempt {
            prop_assert_eq!(exempt.to_string().parse::<ExemptPath>(), Ok(exempt));
        }
    }

    #[test]
    fn a_window_id_round_trips(text in text(), interval in super::generate::interval()) {
        prop_assert!(text.parse::<WindowId>().is_err());
        let id = WindowId::from(interval);
        prop_assert_eq!(id.to_string().parse::<WindowId>(), Ok(id));
    }

    #[test]
    fn keys_have_a_total_order(texts in proptest::collection::vec(text(), 3)) {
        let keys: Vec<RouteKey> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        for (a, b) in keys.iter().flat_map(|a| keys.iter().map(move |b| (a, b))) {
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            prop_assert_eq!(a == b, a.cmp(b).is_eq());
        }
    }
}
