use std::{fmt, ops::Range, str::FromStr, sync::Arc};

use super::{Invalid, hidden::is_hidden};

/// A path template as axum 0.8 spells it: `/users/{id}`, `/files/{*rest}`.
///
/// Each segment may have one parameter, which ends the segment; `{{` and `}}` are literal braces.
/// Cheap to clone. At most 1024 bytes.
///
/// ```
/// use waygate_core::grammar::PathTemplate;
///
/// assert_eq!("/users/{id}".parse::<PathTemplate>()?.as_str(), "/users/{id}");
/// assert!("users".parse::<PathTemplate>().is_err());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathTemplate(Arc<str>);

const MAX_BYTES: usize = 1024;

/// The dialect of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// That of axum.
    Axum,
    /// Allows parameters anywhere, as in `/{name}.json` or `/{from}-{to}`, since a fleet includes routes of other
    /// frameworks. Only route keys accept it.
    #[cfg_attr(not(feature = "model"), allow(dead_code))]
    Any,
}

impl PathTemplate {
    /// Returns the template, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Iterates over the names of the parameters, in order: `["id"]` for `/users/{id}`, `["rest"]` for `/files/{*rest}`.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0
            .split('/')
            .filter_map(|segment| {
                let parameters = parameters(segment).ok()?;
                Some(parameters.into_iter().map(|range| &segment[range]))
            })
            .flatten()
            .map(|name| name.strip_prefix('*').unwrap_or(name))
    }
}

/// Returns the problem of `text` as a template.
pub(crate) fn template_problem(text: &str, dialect: Dialect) -> Option<String> {
    if !text.starts_with('/') {
        return Some("the path must start with `/`".to_owned());
    }
    if text.len() > MAX_BYTES {
        return Some(format!("the path is longer than {MAX_BYTES} bytes"));
    }
    if let Some(c) = text.chars().find(|c| c.is_whitespace() || is_hidden(*c)) {
        return Some(format!("the path holds {c:?}; percent-encode it"));
    }
    if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Some(format!(
            "the path ends before `{c}`; leave query and fragment out"
        ));
    }
    let mut segments = text[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if let Some(problem) = segment_problem(segment, last, dialect) {
            return Some(problem);
        }
    }
    None
}

fn segment_problem(segment: &str, last: bool, dialect: Dialect) -> Option<String> {
    if let Some(name) = segment.strip_prefix(':') {
        return Some(match name {
            "" => "a segment must not begin with `:`".to_owned(),
            _ => format!("path parameters are written `{{{name}}}`, not `:{name}`"),
        });
    }
    if let Some(name) = segment.strip_prefix('*') {
        // In other frameworks `**` matches everything below.
        let meant = match name.trim_start_matches('*') {
            "" => "rest",
            meant => meant,
        };
        return Some(format!(
            "a catch-all is written `{{*{meant}}}`, not `{segment}`"
        ));
    }
    let names = match parameters(segment) {
        Ok(names) => names,
        Err(problem) => return Some(problem),
    };
    let end = names.first()?.end + 1;
    let is_catch_all = names
        .iter()
        .any(|range| segment[range.clone()].starts_with('*'));
    if is_catch_all && (!last || end != segment.len()) {
        return Some(format!(
            "`{segment}` is a catch-all, which can only come last"
        ));
    }
    match dialect {
        Dialect::Any => None,
        Dialect::Axum if names.len() > 1 => Some(format!(
            "`{segment}` holds {} parameters; a segment can hold one",
            names.len()
        )),
        Dialect::Axum if end != segment.len() => Some(format!(
            "`{}` follows a parameter, which must end its segment",
            &segment[end..]
        )),
        Dialect::Axum => None,
    }
}

/// Finds the names of parameters in a segment, with the `*` of a catch-all.
fn parameters(segment: &str) -> Result<Vec<Range<usize>>, String> {
    let mut names = Vec::new();
    let bytes = segment.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'}' if bytes.get(at + 1) == Some(&byte) => at += 2,
            b'{' => {
                let start = at + 1;
                let length = segment[start..].find(['{', '}']);
                let end = match length.map(|length| start + length) {
                    Some(end) if bytes[end] == b'}' => end,
                    _ => return Err(unpaired(segment, '{')),
                };
                let name = &segment[start..end];
                let name = name.strip_prefix('*').unwrap_or(name);
                if name.is_empty() {
                    return Err(format!("`{segment}` holds a parameter without a name"));
                }
                if name.contains('*') {
                    return Err(format!("the parameter name `{name}` must not hold `*`"));
                }
                names.push(start..end);
                at = end + 1;
            }
            b'}' => return Err(unpaired(segment, '}')),
            _ => at += 1,
        }
    }
    Ok(names)
}

fn unpaired(segment: &str, brace: char) -> String {
    format!("`{segment}` holds an unpaired `{brace}` (a literal one is written `{brace}{brace}`)")
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PathTemplate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match template_problem(text, Dialect::Axum) {
            Some(problem) => Err(Invalid::new("path", text, problem)),
            None => Ok(Self(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_axum_accepts() {
        for text in [
            "/",
            "//",
            "/users",
            "/users/",
            "/users/{id}",
            "/{id}",
            "/{*rest}",
            "/files/{*rest}",
            "/src{*rest}",
            "/v{version}/users",
            "/user-{id}/posts/{post_id}",
            "/{id}/{id}",
            "/{{literal}}",
            "/{{",
            "/}}",
            "/{{{id}",
            "/{file_path:path}",
            "/users:batch",
            "/a*b",
            "/größe/{größe}",
            "/%7Bid%7D",
        ] {
            assert_eq!(text.parse::<PathTemplate>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn explains_mistakes() {
        for (text, problem) in [
            ("", "the path must start with `/`"),
            ("users", "the path must start with `/`"),
            ("{id}", "the path must start with `/`"),
            ("/a b", "the path holds ' '; percent-encode it"),
            ("/a\tb", "the path holds '\\t'; percent-encode it"),
            ("/a\u{0}", "the path holds '\\0'; percent-encode it"),
            (
                "/a\u{202e}b",
                "the path holds '\\u{202e}'; percent-encode it",
            ),
            (
                "/a?b=c",
                "the path ends before `?`; leave query and fragment out",
            ),
            (
                "/a#b",
                "the path ends before `#`; leave query and fragment out",
            ),
            (
                "/users/:id",
                "path parameters are written `{id}`, not `:id`",
            ),
            ("/:", "a segment must not begin with `:`"),
            (
                "/files/*rest",
                "a catch-all is written `{*rest}`, not `*rest`",
            ),
            ("/files/*", "a catch-all is written `{*rest}`, not `*`"),
            ("/v1/**", "a catch-all is written `{*rest}`, not `**`"),
            ("/v1/**all", "a catch-all is written `{*all}`, not `**all`"),
            ("/{}", "`{}` holds a parameter without a name"),
            ("/a{*}", "`a{*}` holds a parameter without a name"),
            ("/{a*b}", "the parameter name `a*b` must not hold `*`"),
            ("/{**a}", "the parameter name `*a` must not hold `*`"),
            (
                "/{id",
                "`{id` holds an unpaired `{` (a literal one is written `{{`)",
            ),
            (
                "/{a/b}",
                "`{a` holds an unpaired `{` (a literal one is written `{{`)",
            ),
            (
                "/{a{b}",
                "`{a{b}` holds an unpaired `{` (a literal one is written `{{`)",
            ),
            (
                "/id}",
                "`id}` holds an unpaired `}` (a literal one is written `}}`)",
            ),
            (
                "/{id}}",
                "`{id}}` holds an unpaired `}` (a literal one is written `}}`)",
            ),
            (
                "/{*rest}/x",
                "`{*rest}` is a catch-all, which can only come last",
            ),
            (
                "/{*rest}x",
                "`{*rest}x` is a catch-all, which can only come last",
            ),
            (
                "/{*rest}/",
                "`{*rest}` is a catch-all, which can only come last",
            ),
            (
                "/{a}{b}",
                "`{a}{b}` holds 2 parameters; a segment can hold one",
            ),
            (
                "/{a}-{b}",
                "`{a}-{b}` holds 2 parameters; a segment can hold one",
            ),
            (
                "/{id}.json",
                "`.json` follows a parameter, which must end its segment",
            ),
            (
                "/{id}:activate",
                "`:activate` follows a parameter, which must end its segment",
            ),
            (
                "/{id}}}",
                "`}}` follows a parameter, which must end its segment",
            ),
        ] {
            let error = text.parse::<PathTemplate>().unwrap_err();
            assert_eq!(error.problem(), problem, "{text}");
        }
    }

    #[test]
    fn is_bounded() {
        let longest = format!("/{}", "a".repeat(MAX_BYTES - 1));
        assert!(longest.parse::<PathTemplate>().is_ok());
        let error = format!("{longest}a").parse::<PathTemplate>().unwrap_err();
        assert_eq!(error.problem(), "the path is longer than 1024 bytes");
    }

    #[test]
    fn lists_its_parameters() {
        let names = |text: &str| -> Vec<String> {
            let template: PathTemplate = text.parse().unwrap();
            template.parameters().map(str::to_owned).collect()
        };
        assert_eq!(names("/users"), [""; 0]);
        assert_eq!(names("/users/{id}/posts/{*rest}"), ["id", "rest"]);
        assert_eq!(names("/v{version}/{{no}}/{id}"), ["version", "id"]);
        assert_eq!(names("/{{{id}"), ["id"]);
    }

    #[test]
    fn other_frameworks_allow_text_after_a_parameter() {
        for text in ["/{id}.json", "/{from}-{to}", "/{id}:activate", "/{id}}}"] {
            assert_eq!(template_problem(text, Dialect::Any), None, "{text}");
        }
        for text in [
            "/{}", "/:id", "/{*a}{b}", "/{a}{*b}", "/{*a}/x", "/a b", "/{a",
        ] {
            assert!(template_problem(text, Dialect::Any).is_some(), "{text}");
        }
    }
}
