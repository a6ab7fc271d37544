use std::{borrow::Cow, cmp::Reverse};

use waygate_core::{model::RouteKey, similar::typing_errors};

/// The most similar key, in this order: the same path with another method, trailing slash or parameter names;
/// everything below the path, as for a nested service; the template of a concrete path; the path without a missing or
/// an additional prefix; the path with the fewest typos; a template of parameters only, such as `/{*rest}`.
pub(crate) fn nearest<'a>(
    asked: &RouteKey,
    known: impl Iterator<Item = &'a RouteKey> + Clone,
) -> Option<&'a RouteKey> {
    let fits = |key: &RouteKey| {
        let either = asked.method().is_none() || key.method().is_none();
        either || key.method() == asked.method()
    };
    let shape = shape(asked.path());
    let path = without_slash(&shape);
    let is_below = |key: &RouteKey| {
        let shape = self::shape(key.path());
        shape.strip_suffix("/{*}") == Some(path)
    };
    let is_same = |key: &RouteKey| without_slash(&self::shape(key.path())) == path;
    let same = known
        .clone()
        .filter(|key| is_same(key) || is_below(key))
        .min_by_key(|key| {
            let is_stranger = key.service() != asked.service();
            let is_other = key.path() != asked.path();
            (is_stranger, is_below(key), !fits(key), is_other)
        });
    if same.is_some() {
        return same;
    }
    let template = known
        .clone()
        .filter_map(|key| Some((literals(key.path(), asked.path())?, key)))
        .min_by_key(|(literals, key)| {
            let is_stranger = key.service() != asked.service();
            (is_stranger, !fits(key), Reverse(*literals))
        });
    if let Some((1.., template)) = template {
        return Some(template);
    }
    let nested = known
        .clone()
        .filter(|key| fits(key) && self::shape(key.path()).ends_with(&*shape));
    // `/` is a suffix of other roots only.
    if let Some(nested) = nested.min_by_key(|key| key.path().len())
        && asked.path() != "/"
    {
        return Some(nested);
    }
    // An additional prefix, as if the guarded router itself were nested.
    let unprefixed = known.clone().filter(|key| {
        let own = self::shape(key.path());
        fits(key) && own.len() > 1 && shape.ends_with(&*own)
    });
    if let Some(unprefixed) = unprefixed.min_by_key(|key| Reverse(key.path().len())) {
        return Some(unprefixed);
    }
    // A bare path is compared with bare paths only.
    let is_path = asked.as_str() == asked.path();
    let text = |key: &'a RouteKey| match is_path {
        true => key.path(),
        false => key.as_str(),
    };
    // Half of the path's letters are shared.
    let letters = asked.path().bytes().filter(u8::is_ascii_alphanumeric);
    let letters = letters.count();
    let (asked, allowed) = (asked.as_str(), (asked.as_str().len() / 3).min(letters / 2));
    known
        // Keys that differ more in length cannot be close enough; checking the length first is cheaper.
        .filter(|key| text(key).len().abs_diff(asked.len()) <= allowed)
        .map(|key| (typing_errors(text(key), asked), key))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .or(template)
        .map(|(_, key)| key)
}

/// The number of segments that a template spells like a concrete path; `None` if it does not match the path.
fn literals(template: &str, path: &str) -> Option<usize> {
    let mut segments = path.split('/').skip(1);
    let mut literals = 0;
    for part in template.split('/').skip(1) {
        let segment = segments.next()?;
        let is_parameter = part.starts_with('{') && !part.starts_with("{{");
        match is_parameter && !segment.is_empty() {
            true if part.starts_with("{*") => return Some(literals),
            true => {}
            false if segment == part => literals += 1,
            false => return None,
        }
    }
    segments.next().is_none().then_some(literals)
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// A path without the names of its parameters: `/users/{}` for `/users/{id}`.
fn shape(path: &str) -> Cow<'_, str> {
    if !path.contains('{') {
        return path.into();
    }
    let mut shape = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('{') {
        let (before, brace) = rest.split_at(at);
        shape.push_str(before);
        let end = match brace.starts_with("{{") {
            true => 2,
            false => brace.find('}').unwrap_or(brace.len()),
        };
        shape.push_str(match &brace[..end] {
            "{{" => "{{",
            name if name.starts_with("{*") => "{*",
            _ => "{",
        });
        rest = &brace[end..];
    }
    shape.push_str(rest);
    shape.into()
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
            "GET:/o",
            "GET:/u/{id}",
            "PUT:/u/{id}",
            "GET:/api/files/{*rest}",
        ]
        .map(|key| key.parse::<RouteKey>().unwrap());
        for (asked, expected) in [
            ("GET:/invoices", Some("GET:/api/v1/invoices")),
            ("POST:/invoices", Some("POST:/api/v1/invoices")),
            ("GET:/api/v1/invocies", Some("GET:/api/v1/invoices")),
            ("POST:/api/v1/invoice", Some("POST:/api/v1/invoices")),
            ("DELETE:/", Some("GET:/")),
            ("POST:/o", Some("GET:/o")),
            ("/o/", Some("GET:/o")),
            ("GET:/o/", Some("GET:/o")),
            ("billing:GET:/o", Some("GET:/o")),
            ("GET:/u/{user}", Some("GET:/u/{id}")),
            ("PUT:/u/{user}", Some("PUT:/u/{id}")),
            ("/u/{user}", Some("GET:/u/{id}")),
            ("/api/files", Some("GET:/api/files/{*rest}")),
            ("GET:/api/files/", Some("GET:/api/files/{*rest}")),
            ("GET:/files/{*path}", Some("GET:/api/files/{*rest}")),
            ("GET:/files/{path}", None),
            ("/invoic", Some("GET:/invoice")),
            ("GET:/health", None),
            ("GET:/shop/api/v1/invoices", Some("GET:/api/v1/invoices")),
            ("/shop/u/{user}", Some("GET:/u/{id}")),
            ("GET:/shopping", None),
        ] {
            let asked: RouteKey = asked.parse().unwrap();
            let found = nearest(&asked, known.iter()).map(RouteKey::as_str);
            assert_eq!(found, expected, "{asked}");
        }
    }

    #[test]
    fn a_suggestion_shares_half_of_the_letters() {
        let known = ["GET:/z", "GET:/of", "GET:/tea"].map(|key| key.parse::<RouteKey>().unwrap());
        for (asked, expected) in [
            ("GET:/y", None),
            ("GET:/items", None),
            ("GET:/on", Some("GET:/of")),
            ("GET:/is", None),
            ("GET:/tee", Some("GET:/tea")),
            ("GET:/tie", None),
            ("/y", None),
        ] {
            let asked: RouteKey = asked.parse().unwrap();
            let found = nearest(&asked, known.iter()).map(RouteKey::as_str);
            assert_eq!(found, expected, "{asked}");
        }
    }

    #[test]
    fn a_concrete_path_stands_for_its_template() {
        let known = [
            "GET:/items",
            "GET:/items/{id}",
            "PUT:/items/{id}",
            "GET:/files/{*rest}",
            "GET:/{tenant}/{page}",
            "GET:/{version}/items/{id}",
        ]
        .map(|key| key.parse::<RouteKey>().unwrap());
        for (asked, expected) in [
            ("GET:/items/7", "GET:/items/{id}"),
            ("PUT:/items/7", "PUT:/items/{id}"),
            ("PATCH:/items/7", "GET:/items/{id}"),
            ("/items/7", "GET:/items/{id}"),
            ("GET:/files/a/b", "GET:/files/{*rest}"),
            ("GET:/v9/items/7", "GET:/{version}/items/{id}"),
            ("GET:/v9/elsewhere", "GET:/{tenant}/{page}"),
            ("GET:/itmes", "GET:/items"),
        ] {
            let asked: RouteKey = asked.parse().unwrap();
            let found = nearest(&asked, known.iter()).map(RouteKey::as_str);
            assert_eq!(found, Some(expected), "{asked}");
        }
    }

    #[test]
    fn a_concrete_path_is_distinguished_from_a_template() {
        for (template, path, expected) in [
            ("/users/{id}", "/users/7", Some(1)),
            ("/users/{id}", "/users/", None),
            ("/users/{id}", "/users/7/x", None),
            ("/users/{id}/x", "/users/7", None),
            ("/files/{*rest}", "/files/a/b", Some(1)),
            ("/files/{*rest}", "/files/", None),
            ("/{*rest}", "/a", Some(0)),
            ("/a", "/b", None),
        ] {
            assert_eq!(literals(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn literal_braces_are_no_parameters() {
        for (path, expected) in [
            ("/a", "/a"),
            ("/a/{id}/b{x}", "/a/{}/b{}"),
            ("/{{id}}/{*rest}", "/{{id}}/{*}"),
            ("/{from}-{to}", "/{}-{}"),
        ] {
            assert_eq!(shape(path), expected);
        }
    }
}
