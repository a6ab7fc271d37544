use axum::Router;

/// The paths of a router, in axum's spelling.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) paths: Vec<String>,
    /// The keys of the fallbacks of the router and of nested routers.
    pub(super) fallbacks: Vec<String>,
}

/// Lists the paths of a router.
///
/// axum does not list a router's routes, but its `Debug` output names them. The list is only a hint: each path is
/// probed before it is used, and endpoints that no probe reaches are reported.
pub(super) fn listing(router: &Router) -> Listing {
    read(&format!("{router:?}"))
}

/// Marks the start of a list of paths.
const START: &str = "node: Node { paths: {";

fn read(debug: &str) -> Listing {
    let mut lists = debug.split(START).skip(1).map(paths);
    Listing {
        paths: lists.next().unwrap_or_default(),
        fallbacks: lists.next().unwrap_or_default(),
    }
}

/// The paths of a list of entries such as `RouteId(7): "/path"`, separated with `, `.
fn paths(mut rest: &str) -> Vec<String> {
    let mut paths = Vec::new();
    while let Some(entry) = rest.trim_start_matches(", ").strip_prefix("RouteId(") {
        let Some((path, after)) = entry.split_once("): \"").and_then(|(_, text)| quoted(text))
        else {
            break;
        };
        paths.push(path);
        rest = after;
    }
    paths.sort();
    paths
}

/// The text up to the closing quote, and the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut path = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((path, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\' | '\'') => path.push(escaped),
                't' => path.push('\t'),
                'r' => path.push('\r'),
                'n' => path.push('\n'),
                'u' => path.push(code_point(&mut chars)?),
                _ => return None,
            },
            _ => path.push(c),
        }
    }
    None
}

/// The rest of an escape such as `\u{1f600}`, after the brace.
fn code_point(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    chars.next().filter(|(_, brace)| *brace == '{')?;
    let digits: String = chars
        .by_ref()
        .map(|(_, c)| c)
        .take_while(|c| *c != '}')
        .collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use axum::routing::{any, get};

    use super::*;

    #[test]
    fn names_every_path_of_a_router() {
        let inner = Router::new()
            .route("/", get(|| async {}))
            .route("/{id}", get(|| async {}))
            .fallback(|| async {});
        let merged = Router::new().route("/merged/{*rest}", any(|| async {}));
        let router = Router::new()
            .route("/a", get(|| async {}).post(|| async {}))
            .route("/quo\"te\\d", get(|| async {}))
            .route("/größe", get(|| async {}))
            .nest("/in", inner)
            .nest_service("/files", any(|| async {}))
            .merge(merged)
            .fallback(|| async {});
        assert_eq!(
            listing(&router).paths,
            [
                "/a",
                "/files",
                "/files/",
                "/files/{*__private__axum_nest_tail_param}",
                "/größe",
                "/in",
                "/in/{id}",
                "/merged/{*rest}",
                "/quo\"te\\d",
            ]
        );
        let fallbacks = listing(&router).fallbacks;
        assert!(
            fallbacks.iter().any(|path| path.starts_with("/in/")),
            "{fallbacks:?}"
        );
        assert!(listing(&Router::new()).paths.is_empty());
    }

    #[test]
    fn takes_no_text_for_more_than_it_says() {
        for debug in [
            "",
            "Router { .. }",
            "node: Node { paths: {",
            "node: Node { paths: {RouteId(1)",
            "node: Node { paths: {RouteId(1): \"/a",
            "node: Node { paths: {RouteId(1): \"/a\\x\"",
            "node: Node { paths: {RouteId(1): \"\\u{zz}\"",
        ] {
            assert_eq!(read(debug), Listing::default(), "{debug}");
        }
        let both = r#"node: Node { paths: {RouteId(1): "/b\u{1f600}", RouteId(2): "/a"} }"#;
        assert_eq!(read(both).paths, ["/a", "/b\u{1f600}"]);
    }
}
