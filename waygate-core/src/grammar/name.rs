use std::{fmt, str::FromStr};

use jiff::tz::TimeZoneDatabase;

use super::{Invalid, Method};

/// Declares a newtype over a checked name.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Returns the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match $check(text) {
                    Some(problem) => Err(Invalid::new($noun, text, problem)),
                    None => Ok(Self(text.into())),
                }
            }
        }
    };
}

name! {
    /// The name of an environment: lowercase ASCII letters, digits, `-` and `_`; 1 to 64 bytes.
    ///
    /// ```
    /// use waygate_core::grammar::EnvName;
    ///
    /// assert_eq!("production".parse::<EnvName>()?.as_str(), "production");
    /// assert!("Production!".parse::<EnvName>().is_err());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    EnvName, "environment name", env_problem
}

name! {
    /// The name of a role: ASCII letters, digits and `. _ : / @ -`; 1 to 128 bytes.
    ///
    /// ```
    /// use waygate_core::grammar::RoleName;
    ///
    /// assert_eq!("billing:admin".parse::<RoleName>()?.as_str(), "billing:admin");
    /// assert!("billing admin".parse::<RoleName>().is_err());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    RoleName, "role name", role_problem
}

name! {
    /// The name of a service in a fleet: ASCII letters, digits and `. _ -`; 1 to 128 bytes; not `.`, `..`, or an
    /// HTTP method in any case.
    ///
    /// ```
    /// use waygate_core::grammar::ServiceName;
    ///
    /// assert_eq!("billing".parse::<ServiceName>()?.as_str(), "billing");
    /// assert!("GET".parse::<ServiceName>().is_err());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    ServiceName, "service name", service_problem
}

name! {
    /// The name of a rate limit policy or tier: ASCII letters, digits and `. _ -`; 1 to 64 bytes; not `.` or `..`.
    ///
    /// ```
    /// use waygate_core::grammar::PolicyName;
    ///
    /// let name: PolicyName = "per-client".parse()?;
    /// assert_eq!(name.as_str(), "per-client");
    /// assert_eq!(PolicyName::by_ordinal(1).as_str(), "default-2");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    PolicyName, "policy name", policy_problem
}

name! {
    /// A time zone of the IANA database, such as `Europe/Berlin`, or `UTC`.
    ///
    /// ```
    /// use waygate_core::grammar::TimeZoneName;
    ///
    /// let zone: TimeZoneName = "Europe/Berlin".parse()?;
    /// assert_eq!(zone, TimeZoneName::declared("Europe/Berlin")?);
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    TimeZoneName, "time zone", time_zone_problem
}

impl PolicyName {
    /// Returns the first valid name, in the order of names.
    #[cfg(feature = "model")]
    pub(crate) fn least() -> Self {
        Self("-".into())
    }

    /// The name of an unnamed policy.
    pub const DEFAULT: &str = "default";

    /// Returns the name of an unnamed policy by its position on a handler: `default`, `default-2`, `default-3`.
    pub fn by_ordinal(ordinal: u32) -> Self {
        match ordinal {
            0 => Self(Self::DEFAULT.into()),
            later => Self(format!("{}-{}", Self::DEFAULT, u64::from(later) + 1).into()),
        }
    }
}

impl TimeZoneName {
    /// Parses the value of an attribute. The machine that compiles it may lack a time zone database; then any
    /// well-formed name passes, and the application checks it at its start.
    ///
    /// # Errors
    /// [`Invalid`] for an unknown zone or a malformed name.
    pub fn declared(text: &str) -> Result<Self, Invalid> {
        match unknown_zone(text, jiff::tz::db()) {
            Some(problem) if problem != NO_DATABASE => {
                Err(Invalid::new("time zone", text, problem))
            }
            _ => Ok(Self(text.into())),
        }
    }

    /// Returns the rules of the zone; UTC if it has disappeared since it was checked.
    #[cfg(any(feature = "model", test))]
    pub(crate) fn to_time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

fn env_problem(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (!length_fits(text, 64) || !text.bytes().all(fine)).then(|| {
        "use 1 to 64 lowercase ASCII letters, digits, `-` or `_`, such as `production`".to_owned()
    })
}

fn role_problem(text: &str) -> Option<String> {
    let fine =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'@' | b'-');
    (!length_fits(text, 128) || !text.bytes().all(fine)).then(|| {
        "use 1 to 128 ASCII letters, digits or `. _ : / @ -`, such as `billing:admin`".to_owned()
    })
}

fn service_problem(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !length_fits(text, 128) || !text.bytes().all(fine) {
        return Some(
            "use 1 to 128 ASCII letters, digits or `. _ -`, such as `payments-service`".to_owned(),
        );
    }
    if is_dots(text) {
        return Some(DOTS.to_owned());
    }
    // Case-insensitive: a key that starts with `get:` is a mistake, not a service.
    Method::from_name(&text.to_ascii_uppercase()).map(|_| format!("`{text}` is an HTTP method"))
}

fn policy_problem(text: &str) -> Option<String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !length_fits(text, 64) || !text.bytes().all(fine) {
        return Some("use 1 to 64 ASCII letters, digits or `. _ -`, such as `per-hour`".to_owned());
    }
    is_dots(text).then(|| DOTS.to_owned())
}

/// Clients remove these segments from a URL.
fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

const DOTS: &str = "a URL cannot contain `.` or `..` as a name";

fn time_zone_problem(text: &str) -> Option<String> {
    unknown_zone(text, jiff::tz::db()).map(str::to_owned)
}

const NO_DATABASE: &str = "this machine has no time zone database; install `tzdata`, or turn on the feature `tzdb-bundled` \
    of Waygate";

fn unknown_zone(text: &str, database: &TimeZoneDatabase) -> Option<&'static str> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
    let well_formed = length_fits(text, 64) && text.bytes().all(fine);
    // An empty database lacks even UTC.
    let utc = text.eq_ignore_ascii_case("UTC");
    if utc || well_formed && database.get(text).is_ok() {
        return None;
    }
    let starts_with_letter = text.starts_with(|first: char| first.is_ascii_alphabetic());
    Some(
        match well_formed && starts_with_letter && database.is_definitively_empty() {
            true => NO_DATABASE,
            false => "use a name of the IANA database, such as `Europe/Berlin`, or `UTC`",
        },
    )
}

fn length_fits(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a grammar with texts that it accepts and refuses, and with its problem.
    fn check<T: FromStr<Err = Invalid> + fmt::Display>(
        fine: &[&str],
        wrong: &[&str],
        message: impl Fn(&str) -> String,
    ) {
        for text in fine {
            assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
        }
        for text in wrong {
            let error = text.parse::<T>().map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), message(text));
        }
    }

    #[test]
    fn environment_names() {
        check::<EnvName>(
            &["production", "dev-2", "a", "eu_west", &"a".repeat(64)],
            &["", "Production", "dev env", "dév", "dev.eu", "a\u{fffd}"],
            |text| {
                format!(
                    "invalid environment name `{text}`: use 1 to 64 lowercase ASCII letters, digits, \
                     `-` or `_`, such as `production`"
                )
            },
        );
        assert!("a".repeat(65).parse::<EnvName>().is_err());
    }

    #[test]
    fn role_names() {
        check::<RoleName>(
            &["admin", "billing:admin", "a@b.c/D-1_", &"a".repeat(128)],
            &["", "a b", "ä", "a,b", "a;b", "a\"b"],
            |text| {
                format!(
                    "invalid role name `{text}`: use 1 to 128 ASCII letters, digits or \
                     `. _ : / @ -`, such as `billing:admin`"
                )
            },
        );
        assert!("a".repeat(129).parse::<RoleName>().is_err());
    }

    #[test]
    fn policy_and_time_zone_names() {
        check::<PolicyName>(&["per-hour", "v1.2_x"], &["", "a b", "a/b"], |text| {
            format!(
                "invalid policy name `{text}`: use 1 to 64 ASCII letters, digits or `. _ -`, such as \
                 `per-hour`"
            )
        });
        check::<PolicyName>(&["...", ".a"], &[".", ".."], |text| {
            format!("invalid policy name `{text}`: a URL cannot contain `.` or `..` as a name")
        });
        check::<TimeZoneName>(
            &["UTC", "Europe/Berlin"],
            &["", "Berlin", "+02:00"],
            |text| {
                format!(
                    "invalid time zone `{text}`: use a name of the IANA database, such as \
                 `Europe/Berlin`, or `UTC`"
                )
            },
        );
        assert!(TimeZoneName::declared("Europe/Berlin").is_ok());
        assert!(TimeZoneName::declared("Europe/Berlim").is_err());
        let berlin = "Europe/Berlin".parse::<TimeZoneName>().unwrap();
        assert_eq!(berlin.to_time_zone().iana_name(), Some("Europe/Berlin"));
    }

    #[test]
    fn without_a_database_the_error_names_the_remedy() {
        let none = TimeZoneDatabase::none();
        assert_eq!(unknown_zone("UTC", &none), None);
        let problem = unknown_zone("Europe/Berlin", &none).unwrap();
        assert!(problem.contains("`tzdata`") && problem.contains("`tzdb-bundled`"));
        for wrong in ["", "+02:00", "Europe Berlin", "../secret", "+02"] {
            let problem = unknown_zone(wrong, &none).unwrap();
            assert!(problem.contains("IANA"), "{wrong}: {problem}");
        }
    }

    #[test]
    fn unnamed_policies_are_numbered() {
        let names = [0, 1, 2, u32::MAX].map(PolicyName::by_ordinal);
        let names = names.each_ref().map(PolicyName::as_str);
        assert_eq!(
            names,
            ["default", "default-2", "default-3", "default-4294967296"]
        );
        assert!(names.iter().all(|name| name.parse::<PolicyName>().is_ok()));
    }

    #[test]
    fn service_names() {
        check::<ServiceName>(
            &["payments-service", "a.b_c", "GETTER", &"a".repeat(128)],
            &["", "a:b", "a/b", "a b", "ä"],
            |text| {
                format!(
                    "invalid service name `{text}`: use 1 to 128 ASCII letters, digits or `. _ -`, \
                     such as `payments-service`"
                )
            },
        );
        assert!("a".repeat(129).parse::<ServiceName>().is_err());
        check::<ServiceName>(&["a.", "..."], &[".", ".."], |text| {
            format!("invalid service name `{text}`: a URL cannot contain `.` or `..` as a name")
        });
        check::<ServiceName>(&[], &["GET", "get", "Options"], |text| {
            format!("invalid service name `{text}`: `{text}` is an HTTP method")
        });
    }
}
