use std::net::IpAddr;

use ipnet::IpNet;

use crate::grammar::{RoleName, canonical_network};

/// Facts about a request. Read only when a rule depends on them.
///
/// ```
/// use std::net::IpAddr;
///
/// use waygate_core::{decision::Facts, grammar::RoleName};
///
/// struct Caller<'a> {
///     address: Option<IpAddr>,
///     roles: &'a [&'a str],
/// }
///
/// impl Facts for Caller<'_> {
///     fn client_ip(&self) -> Option<IpAddr> {
///         self.address
///     }
///
///     fn has_role(&self, role: &RoleName) -> bool {
///         self.roles.contains(&role.as_str())
///     }
/// }
///
/// let caller = Caller { address: None, roles: &["ops"] };
/// assert!(caller.has_role(&"ops".parse()?));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
pub trait Facts {
    /// Returns the client's address behind trusted proxies; `None` if unknown. An unknown client is in no network.
    fn client_ip(&self) -> Option<IpAddr>;

    /// Returns whether the caller has a role.
    fn has_role(&self, role: &RoleName) -> bool;
}

pub(super) fn canonical_networks(networks: &[IpNet]) -> Vec<IpNet> {
    networks.iter().copied().map(canonical_network).collect()
}

/// Returns whether the client's address is in one of these networks, given in canonical form.
pub(super) fn comes_from(networks: &[IpNet], facts: &impl Facts) -> bool {
    let ip = facts.client_ip().map(|ip| ip.to_canonical());
    ip.is_some_and(|ip| networks.iter().any(|net| net.contains(&ip)))
}

pub(super) fn has_any(roles: &[RoleName], facts: &impl Facts) -> bool {
    roles.iter().any(|role| facts.has_role(role))
}
