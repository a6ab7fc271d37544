//! Removes directories and the passwords of URLs from the errors of stores before clients see them.

use waygate_core::without_credentials;

/// Replaces each absolute path in `text` by its last part, and removes credentials of URLs.
///
/// Errors of stores are plain text. Route keys in it (`GET:/payments`) are kept.
pub(crate) fn without_places(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let text = without_credentials(text);
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        let before = shown.chars().next_back();
        if starts_path(shown.as_str(), before, rest) {
            let path = &rest[..path_end(before, rest)];
            shown.push_str(last_part(path));
            rest = &rest[path.len()..];
        } else {
            shown.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    shown
}

fn starts_path(shown: &str, before: Option<char>, rest: &str) -> bool {
    let is_apart =
        before.is_none_or(|c| c.is_whitespace() || is_quote(c) || "([{<=,;|".contains(c));
    let is_url = shown.ends_with("://")
        || shown.ends_with("unix:")
        || shown.ends_with("file:") && !rest.starts_with("//");
    let mut chars = rest.chars();
    let is_absolute = match (chars.next(), chars.next(), chars.next()) {
        (Some('/'), Some(next), _) => !next.is_whitespace() && !is_quote(next),
        (Some('\\'), Some('\\'), _) => true,
        (Some(drive), Some(':'), Some('/' | '\\')) => drive.is_ascii_alphabetic(),
        _ => false,
    };
    is_absolute && (is_apart || is_url)
}

/// A quoted path ends with its quotation mark. Any other path may contain spaces: a following word that contains a
/// separator is part of the path.
fn path_end(before: Option<char>, rest: &str) -> usize {
    if let Some(closing) = before.filter(|c| is_quote(*c)).and_then(|c| rest.find(c)) {
        return closing;
    }
    let mut chars = rest.char_indices().skip(2);
    let stop = chars.find(|(_, c)| is_quote(*c) || ")]}>,;|:\n".contains(*c));
    let bare = &rest[..stop.map_or(rest.len(), |(at, _)| at)];
    let (mut end, mut at) = (None, 0);
    for word in bare.split(char::is_whitespace).take(BLANKS + 1) {
        let from = at;
        at += word.len();
        let goes_on = match end {
            None => true,
            Some(_) if word.starts_with(SEPARATORS) => break,
            Some(_) => word.contains(SEPARATORS),
        };
        if goes_on {
            end = Some(at);
        }
        at += bare[from + word.len()..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
    }
    end.unwrap_or(bare.len())
}

/// The most spaces that an unquoted path may contain.
const BLANKS: usize = 4;

const SEPARATORS: [char; 2] = ['/', '\\'];

fn last_part(path: &str) -> &str {
    let path = path.trim_end_matches(SEPARATORS);
    path.rsplit(SEPARATORS).next().unwrap_or(path)
}

fn is_quote(c: char) -> bool {
    matches!(c, '`' | '"' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_path_is_shown() {
        for (text, shown) in [
            (
                "cannot write `/srv/shop/state.json`: No space left on device (os error 28)",
                "cannot write `state.json`: No space left on device (os error 28)",
            ),
            ("`/srv/my shop/state.json`: x", "`state.json`: x"),
            ("at path \"/tmp/.tmpAb1\"", "at path \".tmpAb1\""),
            ("/srv/a: no such file", "a: no such file"),
            ("open(/srv/a/b) failed", "open(b) failed"),
            ("file=/srv/a/b, again", "file=b, again"),
            (
                "mount the directory `/srv/a/` instead",
                "mount the directory `a` instead",
            ),
            (
                r"cannot read `C:\Users\ada\state.json`",
                "cannot read `state.json`",
            ),
            (
                r"cannot read \\nas\share\state.json",
                "cannot read state.json",
            ),
            ("unix:/run/redis.sock refused", "unix:redis.sock refused"),
            ("file:///srv/a/b", "file://b"),
            ("file:/srv/a/b", "file:b"),
            ("at file:/srv/a/b: gone", "at file:b: gone"),
            (
                "cannot read /srv/my big shop/state.json: gone",
                "cannot read state.json: gone",
            ),
            (
                r"cannot read C:\Program Files\shop\state.json",
                "cannot read state.json",
            ),
            ("moved /srv/a to /srv/b today", "moved a to b today"),
            ("/srv/my state.json is gone", "my state.json is gone"),
            ("redis://ada:hunter2@host/0", "redis://***@host/0"),
            ("/s", "s"),
        ] {
            assert_eq!(without_places(text), shown, "{text}");
        }
    }

    #[test]
    fn other_text_is_kept() {
        for text in [
            "",
            "/",
            "a / b",
            "the record `GET:/payments/{id}` and `billing:GET:/x`; `route/GET:/x`, `route//x`",
            "n/a, 1/2, and/or, Größe: 3 × 🔧",
            "10.0.0.1:6379: connection refused",
        ] {
            assert_eq!(without_places(text), text);
        }
    }
}
