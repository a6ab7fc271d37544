use std::{fmt, str::FromStr, sync::Arc};

use super::Invalid;

/// A path template as axum 0.8 spells it: `/users/{id}`, `/files/{*rest}`.
///
/// Cheap to clone. At most 1024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathTemplate(Arc<str>);

const MAX_BYTES: usize = 1024;

impl PathTemplate {
    /// The template, beginning with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names of the parameters, in order: `["id"]` for `/users/{id}`, `["rest"]` for `/files/{*rest}`.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter_map(|segment| {
            let inner = segment.split_once('{')?.1.split_once('}')?.0;
            (!inner.is_empty() && !inner.starts_with('{'))
                .then(|| inner.strip_prefix('*').unwrap_or(inner))
        })
    }

    /// What is wrong with `text` as a template, if anything is.
    pub(super) fn problem(text: &str) -> Option<String> {
        if !text.starts_with('/') {
            return Some("the path must start with `/`".to_owned());
        }
        if text.len() > MAX_BYTES {
            return Some(format!("the path is longer than {MAX_BYTES} bytes"));
        }
        if let Some(c) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Some(format!("the path holds {c:?}; percent-encode it"));
        }
        if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
            return Some(format!(
                "the path ends before `{c}`; leave query and fragment out"
            ));
        }
        let mut segments = text[1..].split('/').peekable();
        while let Some(segment) = segments.next() {
            if let Some(problem) = segment_problem(segment, segments.peek().is_none()) {
                return Some(problem);
            }
        }
        None
    }
}

fn segment_problem(segment: &str, last: bool) -> Option<String> {
    if let Some(name) = segment.strip_prefix(':').filter(|name| !name.is_empty()) {
        return Some(format!(
            "path parameters are written `{{{name}}}`, not `:{name}`"
        ));
    }
    if let Some(name) = segment.strip_prefix('*').filter(|name| !name.is_empty()) {
        return Some(format!(
            "a catch-all is written `{{*{name}}}`, not `*{name}`"
        ));
    }
    let bare = segment.replace("{{", "").replace("}}", "");
    let (open, close) = (bare.matches('{').count(), bare.matches('}').count());
    if open != close || open > 1 {
        return Some(format!(
            "`{segment}` should hold one `{{name}}` at most (write `{{{{` for a literal brace)"
        ));
    }
    let inner = bare
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))?
        .0;
    match inner.strip_prefix('*') {
        Some("") | None if inner.is_empty() || inner == "*" => {
            Some(format!("`{segment}` is a parameter without a name"))
        }
        Some(_) if !last => Some(format!(
            "`{segment}` is a catch-all, which can only stand last"
        )),
        _ => None,
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PathTemplate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match Self::problem(text) {
            Some(problem) => Err(Invalid::new("path", text, problem)),
            None => Ok(Self(text.into())),
        }
    }
}
