//! Comparisons without regard to case, by the lowercase of each character (Unicode), without a copy.

fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Returns a text in the form that the other functions compare with.
pub(crate) fn folded(text: &str) -> Box<str> {
    lower(text).collect::<String>().into()
}

/// Returns whether a text starts with a folded one.
pub(crate) fn starts_with(text: &str, folded: &str) -> bool {
    starts(lower(text), folded.chars())
}

/// Returns whether a text ends with a folded one.
pub(crate) fn ends_with(text: &str, folded: &str) -> bool {
    let lower = text.chars().rev().flat_map(|c| c.to_lowercase().rev());
    starts(lower, folded.chars().rev())
}

/// Compares a text with a folded one.
pub(crate) fn compare(text: &str, folded: &str) -> std::cmp::Ordering {
    lower(text).cmp(folded.chars())
}

fn starts(mut text: impl Iterator<Item = char>, mut start: impl Iterator<Item = char>) -> bool {
    start.all(|expected| text.next() == Some(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert!(starts_with("GRÖßE-1", &folded("größe")));
        assert!(ends_with("x-ÄB", &folded("äb")));
        assert!(compare("ΣΊΣΥΦΟΣ", &folded("σίσυφοσ")).is_eq());
        assert!(compare("İ", &folded("İ")).is_eq());
        assert!(!starts_with("gr", &folded("größe")));
        assert!(!ends_with("b", &folded("äb")));
        assert!(compare("a", &folded("B")).is_lt());
    }
}
