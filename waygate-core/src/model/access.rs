use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::grammar::RoleName;

/// Who may call a route. An empty list lets everybody pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The client's address must lie in one of these networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<IpNet>,
    /// The caller must have one of these roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleName>,
}

impl Access {
    /// Whether nobody is kept out.
    pub fn is_open(&self) -> bool {
        self.ips.is_empty() && self.roles.is_empty()
    }
}
