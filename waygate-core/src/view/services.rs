use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::role::Role;
use crate::grammar::{Invalid, ServiceName};

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

/// A role, and the services that it is limited to.
///
/// ```
/// use waygate_core::view::{Rights, Role};
///
/// let rights: Rights = "operator@billing,orders".parse()?;
/// assert_eq!(rights, Role::Operator.of(["billing", "orders"])?);
/// assert!(rights.services.contains(Some("orders")));
/// assert!("admin".parse::<Rights>()?.services.are_all());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rights {
    /// The role.
    pub role: Role,
    /// The services.
    pub services: Services,
}

impl From<Role> for Rights {
    fn from(role: Role) -> Self {
        Self {
            role,
            services: Services::ALL,
        }
    }
}

impl Role {
    /// The role, limited to the routes and the maintenance of these services.
    ///
    /// ```
    /// use waygate_core::view::Role;
    ///
    /// let rights = Role::Operator.of(["billing"])?;
    /// assert_eq!(rights.to_string(), "operator@billing");
    /// assert!(Role::Operator.of(["bill ing"]).is_err());
    /// assert!(Role::Operator.of([""; 0]).is_err());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`] if a name is invalid, or there is none.
    pub fn of(self, services: impl IntoIterator<Item: AsRef<str>>) -> Result<Rights, Invalid> {
        let names = services.into_iter().map(|name| name.as_ref().parse());
        let names: BTreeSet<ServiceName> = names.collect::<Result<_, Invalid>>()?;
        if names.is_empty() {
            let problem = "name at least one service; without a limit, give only the role";
            return Err(Invalid::new("list of services", "", problem.to_owned()));
        }
        Ok(Rights {
            role: self,
            services: Services(Some(names)),
        })
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)?;
        let names = self.services.names().into_iter().flatten();
        for (at, name) in names.enumerate() {
            let before = if at == 0 { '@' } else { ',' };
            write!(f, "{before}{name}")?;
        }
        Ok(())
    }
}

impl FromStr for Rights {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('@') {
            Some((role, services)) => role.parse::<Role>()?.of(services.split(',')),
            None => Ok(text.parse::<Role>()?.into()),
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

    #[test]
    fn rights_are_read_as_they_are_written() {
        for text in ["viewer", "admin", "operator@a", "operator@a,b"] {
            assert_eq!(text.parse::<Rights>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "@a",
            "root@a",
            "admin@",
            "admin@a,",
            "admin@a@b",
            "admin@GET",
        ] {
            assert!(wrong.parse::<Rights>().is_err(), "{wrong}");
        }
    }
}
