use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::grammar::ServiceName;

/// The services that a user or a token is limited to; `null` on the wire for no limit.
///
/// ```
/// use waygate_core::view::Services;
///
/// let billing = Services::only(["billing".parse()?]);
/// assert!(billing.contains(Some("billing")));
/// assert!(!billing.contains(Some("orders")) && !billing.contains(None));
/// assert!(Services::ALL.contains(None) && Services::ALL.are_all());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Services(Option<BTreeSet<ServiceName>>);

impl Services {
    /// No limit: all services, and what belongs to none.
    pub const ALL: Self = Self(None);

    /// Only these services. Nothing, if there are none.
    pub fn only(names: impl IntoIterator<Item = ServiceName>) -> Self {
        Self(Some(names.into_iter().collect()))
    }

    /// Returns `true` without a limit.
    pub fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// The names; `None` without a limit.
    pub fn names(&self) -> Option<&BTreeSet<ServiceName>> {
        self.0.as_ref()
    }

    /// Returns `true` if a service is one of these. What belongs to no service needs all.
    pub fn contains(&self, service: Option<&str>) -> bool {
        match (&self.0, service) {
            (None, _) => true,
            (Some(names), Some(service)) => names.iter().any(|name| name.as_str() == service),
            (Some(_), None) => false,
        }
    }

    /// The services of both.
    ///
    /// ```
    /// use waygate_core::view::Services;
    ///
    /// let billing = Services::only(["billing".parse()?]);
    /// assert_eq!(Services::ALL.and(&billing), billing);
    /// let orders = Services::only(["orders".parse()?]);
    /// assert_eq!(billing.and(&orders), Services::only([]));
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (None, limit) | (limit, None) => Self(limit.clone()),
            (Some(one), Some(two)) => Self(Some(one & two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Services {
        Services::only(names.iter().map(|name| name.parse().unwrap()))
    }

    #[test]
    fn a_limit_never_grows() {
        let all = Services::ALL;
        let (one, two, none) = (only(&["a"]), only(&["a", "b"]), only(&[]));
        assert_eq!(all.and(&one), one);
        assert_eq!(two.and(&all), two);
        assert_eq!(two.and(&one), one);
        assert_eq!(only(&["b"]).and(&one), none);
        assert!(!none.are_all() && !none.contains(None) && !none.contains(Some("a")));
    }

    #[test]
    fn the_wire_form_of_no_limit_is_null() {
        for (services, json) in [
            (Services::ALL, "null"),
            (only(&["b", "a"]), r#"["a","b"]"#),
            (only(&[]), "[]"),
        ] {
            assert_eq!(serde_json::to_string(&services).unwrap(), json);
            assert_eq!(serde_json::from_str::<Services>(json).unwrap(), services);
        }
        assert!(serde_json::from_str::<Services>(r#"["GET"]"#).is_err());
    }
}
