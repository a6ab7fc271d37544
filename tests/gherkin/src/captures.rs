/// Matches a text with a pattern, and returns what stands for each `{}`.
pub(crate) fn captures<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = match parts.peek() {
            // The last part ends the text.
            None => rest
                .len()
                .checked_sub(part.len())
                .filter(|_| rest.ends_with(part)),
            Some(_) => rest.find(part),
        }?;
        found.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_whole() {
        assert_eq!(
            captures("a \"{}\" and {}", "a \"x\" and y z"),
            Some(vec!["x", "y z"])
        );
        assert_eq!(
            captures("value \"{}\"", "value \"{\\\"a\\\": \"b\"}\""),
            Some(vec!["{\\\"a\\\": \"b\"}"])
        );
        assert_eq!(captures("a", "a"), Some(vec![]));
        assert_eq!(captures("a", "ab"), None);
        assert_eq!(captures("a {} b", "a "), None);
        assert_eq!(captures("\"{}\"", "\"\""), Some(vec![""]));
    }
}
