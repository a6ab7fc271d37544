//! The distance of two words, for "did you mean".

/// Counts the typing errors between two texts: a character inserted, deleted or replaced, or two neighbours swapped (the
/// optimal string alignment distance).
///
/// Takes time proportional to the product of the lengths.
pub fn typing_errors(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Distances from prefixes of `one` to all prefixes of `other`: of the last line, the one before, and this one.
    let mut before = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut line = last.clone();
    let mut previous = None;
    for (row, char) in one.chars().enumerate() {
        line[0] = row + 1;
        for (column, &its) in other.iter().enumerate() {
            let wrong = last[column] + usize::from(char != its);
            let mut least = wrong.min(last[column + 1] + 1).min(line[column] + 1);
            if column > 0 && previous == Some(its) && other[column - 1] == char {
                least = least.min(before[column - 1] + 1);
            }
            line[column + 1] = least;
        }
        previous = Some(char);
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut line);
    }
    last[other.len()]
}

/// Returns the word that a text resembles: with at most one typing error in three characters.
///
/// ```
/// use waygate_core::similar::nearest;
///
/// assert_eq!(nearest("serch", &["search", "checkout"]), Some("search"));
/// assert_eq!(nearest("billing", &["search", "checkout"]), None);
/// ```
pub fn nearest<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    // Longer texts are no typing errors, and would take time.
    if text.len() > 40 {
        return None;
    }
    let most = text.chars().count() / 3;
    // Each further character is an error.
    let words = words
        .iter()
        .filter(|word| word.chars().count().abs_diff(text.chars().count()) <= most);
    let near = words.map(|word| (typing_errors(word, text), *word));
    let (errors, word) = near.min_by_key(|(errors, _)| *errors)?;
    (errors <= most).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_counts_once() {
        for (one, other, errors) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("reason", "reason", 0),
            ("reason", "raeson", 1),
            ("reason", "reasn", 1),
            ("reason", "reeason", 1),
            ("reason", "season", 1),
            ("GTE", "GET", 1),
            ("ca", "abc", 3),
            ("kitten", "sitting", 3),
            ("übung", "ubung", 1),
        ] {
            assert_eq!(typing_errors(one, other), errors, "{one} {other}");
            assert_eq!(typing_errors(other, one), errors, "{other} {one}");
        }
    }
}
