use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{role::Role, services::Services};
use crate::grammar::{Invalid, ServiceName};

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
            services: Services::only(names),
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
