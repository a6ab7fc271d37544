use std::{borrow::Cow, cmp::Ordering};

/// A version by the precedence of Semantic Versioning 2.0.0, section 11, read leniently: a `v` before it, one to four
/// numbers (missing ones are 0) and leading zeros are accepted. Build metadata is ignored.
#[derive(Debug, Clone)]
pub(crate) struct Version<'a> {
    numbers: [u64; 4],
    /// Empty for a release.
    pre: Cow<'a, str>,
}

impl<'a> Version<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = split(text, '+');
        let (core, pre) = split(text, '-');
        if ![build, pre].into_iter().flatten().all(identifiers) {
            return None;
        }
        // `2025-06-01` is a day.
        if pre.is_some() && !core.contains('.') {
            return None;
        }
        let mut numbers = [0; 4];
        let mut parts = core.split('.');
        for number in &mut numbers {
            let Some(part) = parts.next() else { break };
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            *number = part.parse().ok().filter(|_| digits)?;
        }
        let pre = Cow::Borrowed(pre.unwrap_or_default());
        parts.next().is_none().then_some(Self { numbers, pre })
    }

    /// Returns the numbers: major, minor, patch, and a fourth one that some products have.
    pub(crate) fn numbers(&self) -> [u64; 4] {
        self.numbers
    }

    pub(crate) fn into_owned(self) -> Version<'static> {
        Version {
            numbers: self.numbers,
            pre: Cow::Owned(self.pre.into_owned()),
        }
    }

    pub(crate) fn compare(&self, other: &Version<'_>) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| match (&*self.pre, &*other.pre) {
            ("", "") => Ordering::Equal,
            // A release is later than all of its pre-releases.
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (one, other) => {
                let (mut ones, mut others) = (one.split('.'), other.split('.'));
                loop {
                    match (ones.next(), others.next()) {
                        (None, None) => return Ordering::Equal,
                        (None, Some(_)) => return Ordering::Less,
                        (Some(_), None) => return Ordering::Greater,
                        (Some(one), Some(other)) => match identifier(one, other) {
                            Ordering::Equal => {}
                            different => return different,
                        },
                    }
                }
            }
        })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn identifiers(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(fine))
}

/// Compares numbers by value, and before all words.
fn identifier(one: &str, other: &str) -> Ordering {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (number(one), number(other)) {
        (true, true) => {
            let [one, other] = [one, other].map(|text| text.trim_start_matches('0'));
            one.len().cmp(&other.len()).then(one.cmp(other))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(one: &str, other: &str) -> Ordering {
        let version = |text| Version::parse(text).unwrap();
        version(one).compare(&version(other))
    }

    #[test]
    fn precedence_is_that_of_the_standard() {
        let sorted = [
            "0.9",
            "1.0.0-0",
            "1.0.0-1",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.0.1",
            "1.2",
            "1.10",
            "2024.1",
            "18446744073709551615",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&other_at), "{one} {other}");
            }
        }
        for (one, other) in [
            ("1.2", "v1.2.0"),
            ("2024.01", "2024.1"),
            ("1.0.0+a", "1.0.0+b"),
            ("1.0.0-01", "1.0.0-1"),
        ] {
            assert_eq!(compare(one, other), Ordering::Equal);
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in [
            "",
            "v",
            "abc",
            "1.",
            ".1",
            "1..2",
            "1.2.x",
            "1.2.3.4.5",
            "1.0-",
            "1.0+",
            "1.0-a..b",
            "1.0-ä",
            "+1",
            "-1",
            "1 ",
            "18446744073709551616",
            "1!1.0",
            "1.0.post1",
            "2025-06-01",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        /// The `semver` crate compares without build metadata as the standard says.
        #[test]
        fn whole_versions_compare_as_in_the_semver_crate(
            versions in proptest::collection::vec(
                r"(0|[1-3])\.(0|1|12)\.(0|1|2)(-(0|1|10|a|b|rc|a-1)(\.(0|2|11|x)){0,2})?(\+[a-c])?", 2,
            ),
        ) {
            let [one, other] = [0, 1].map(|at| semver::Version::parse(&versions[at]).unwrap());
            proptest::prop_assert_eq!(compare(&versions[0], &versions[1]), one.cmp_precedence(&other));
        }
    }
}
