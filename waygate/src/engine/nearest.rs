use waygate_core::{model::RouteKey, similar::typing_errors};

/// The key that was probably meant: the same without the prefix that the route is nested under, or else the one with the
/// fewest typing errors.
pub(super) fn nearest<'a>(
    asked: &RouteKey,
    known: impl Iterator<Item = &'a RouteKey> + Clone,
) -> Option<&'a RouteKey> {
    let same_method = |key: &&RouteKey| asked.method().is_none() || key.method() == asked.method();
    let nested = |key: &&RouteKey| key.path().ends_with(asked.path());
    let nested = known.clone().filter(same_method).filter(nested);
    // `/` is the end of nothing but other roots.
    if let Some(nested) = nested.min_by_key(|key| key.path().len())
        && asked.path() != "/"
    {
        return Some(nested);
    }
    let (text, allowed) = (asked.as_str(), asked.as_str().len() / 3);
    known
        // What differs more in length cannot be near, and is cheaper to tell.
        .filter(|key| key.as_str().len().abs_diff(text.len()) <= allowed)
        .map(|key| (typing_errors(key.as_str(), text), key))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_prefix_comes_before_a_typing_error() {
        let known = [
            "GET:/api/v1/invoices",
            "POST:/api/v1/invoices",
            "GET:/api/v1/v2/invoices",
            "GET:/invoice",
            "GET:/",
        ]
        .map(|key| key.parse::<RouteKey>().unwrap());
        for (asked, expected) in [
            ("GET:/invoices", Some("GET:/api/v1/invoices")),
            ("POST:/invoices", Some("POST:/api/v1/invoices")),
            ("GET:/api/v1/invocies", Some("GET:/api/v1/invoices")),
            ("POST:/api/v1/invoice", Some("POST:/api/v1/invoices")),
            ("DELETE:/", None),
            ("GET:/health", None),
        ] {
            let asked: RouteKey = asked.parse().unwrap();
            let found = nearest(&asked, known.iter()).map(RouteKey::as_str);
            assert_eq!(found, expected, "{asked}");
        }
    }
}
