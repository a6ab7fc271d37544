use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::text;
use crate::grammar::RoleName;

/// The callers that may use a route. An empty list allows all.
///
/// ```
/// use waygate_core::model::Access;
///
/// let office = Access::new(["10.0.0.0/8".parse()?], []);
/// assert!(!office.is_open());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Access {
    /// The client's address must be in one of these networks.
    #[serde(
        default,
        with = "text::networks",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ips: Vec<IpNet>,
    /// The caller must have one of these roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleName>,
}

impl Access {
    /// Creates a rule for callers in one of these networks, with one of these roles.
    pub fn new(
        ips: impl IntoIterator<Item = IpNet>,
        roles: impl IntoIterator<Item = RoleName>,
    ) -> Self {
        Self {
            ips: ips.into_iter().collect(),
            roles: roles.into_iter().collect(),
        }
    }

    /// Returns whether all callers pass.
    pub fn is_open(&self) -> bool {
        self.ips.is_empty() && self.roles.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn networks_are_stored_as_text() {
        let text = json!({"ips": ["10.0.0.0/8", "2001:db8::/32"], "roles": ["billing:admin"]});
        let access: Access = from_value(text.clone()).unwrap();
        assert!(!access.is_open());
        assert_eq!(to_value(&access).unwrap(), text);
        assert_eq!(to_value(Access::default()).unwrap(), json!({}));
    }

    #[test]
    fn networks_are_read_by_the_grammar() {
        let access: Access =
            from_value(json!({"ips": ["10.1.2.3/8", "192.0.2.7", "::ffff:192.0.2.0/120"]}))
                .unwrap();
        let networks: Vec<String> = access.ips.iter().map(IpNet::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "192.0.2.7/32", "192.0.2.0/24"]);
    }

    #[test]
    fn names_the_invalid_text() {
        for (value, message) in [
            (
                json!({"ips": ["10.0.0.0/8", "10.0.0.0/33"]}),
                "invalid CIDR `10.0.0.0/33`: the prefix length must be 0 to 32",
            ),
            (json!({"roles": ["a b"]}), "invalid role name `a b`"),
            (
                json!({"role": ["a"]}),
                "unknown field `role`, expected `ips` or `roles`",
            ),
            (json!({"ips": "10.0.0.0/8"}), "invalid type: string"),
        ] {
            let error = from_value::<Access>(value).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
