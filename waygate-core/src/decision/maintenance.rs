use std::fmt;

use ipnet::IpNet;
use jiff::Timestamp;

use super::facts::{Facts, canonical_networks, comes_from, has_any};
use crate::{
    grammar::{Reason, RoleName},
    model::GlobalMaintenance,
};

/// Compiled maintenance of all routes or of a service. The caller of [`decide`](super::decide) handles exempt routes.
#[derive(Debug, Clone)]
pub struct MaintenanceRule {
    reason: Reason,
    include_force_active: bool,
    /// The start, if it is in the future.
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    exempt_ips: Vec<IpNet>,
    exempt_roles: Vec<RoleName>,
}

/// The reason why a caller is exempt from maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exemption<'a> {
    /// The address is in this network.
    Network(IpNet),
    /// The caller has this role.
    Role(&'a RoleName),
}

impl fmt::Display for Exemption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "the network {network}"),
            Self::Role(role) => write!(f, "the role {role}"),
        }
    }
}

impl MaintenanceRule {
    /// Compiles `config` for any time from `now` on; `None` if it is off and time does not switch it on.
    ///
    /// The time before `now` is not covered: compile again after the clock was set back. Of recurring maintenance, only
    /// the current or next window is: compile again when it has ended.
    pub fn compile(config: &GlobalMaintenance, now: Timestamp) -> Option<Self> {
        let config = &config.governing(now);
        let is_over = config.end.is_some_and(|end| end <= now);
        (config.enabled && !is_over).then(|| Self {
            reason: config.reason.clone(),
            include_force_active: config.include_force_active,
            from: config.start.filter(|start| *start > now),
            until: config.end,
            exempt_ips: canonical_networks(&config.exempt_ips),
            exempt_roles: config.exempt_roles.clone(),
        })
    }

    /// Returns whether it closes force-active routes (`forced`) or others, now or later.
    #[inline]
    pub fn applies(&self, forced: bool) -> bool {
        !forced || self.include_force_active
    }

    /// Returns whether it is on for such a route. Reads the clock only if there is a future boundary.
    #[inline]
    pub fn is_on(&self, forced: bool, now: impl FnOnce() -> Timestamp) -> bool {
        if !self.applies(forced) {
            return false;
        }
        if self.from.is_none() && self.until.is_none() {
            return true;
        }
        let now = now();
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// Returns whether the caller is exempt, by address or by role.
    pub(super) fn exempts(&self, facts: &impl Facts) -> bool {
        !self.exempt_ips.is_empty() && comes_from(&self.exempt_ips, facts)
            || has_any(&self.exempt_roles, facts)
    }

    pub(super) fn reason(&self) -> &Reason {
        &self.reason
    }

    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Returns the exemption of the caller, if there is one.
    pub fn exemption(&self, facts: &impl Facts) -> Option<Exemption<'_>> {
        let contains = |network: &&IpNet| comes_from(std::slice::from_ref(*network), facts);
        let network = self.exempt_ips.iter().find(contains);
        let role = || self.exempt_roles.iter().find(|role| facts.has_role(role));
        let network = network.copied().map(Exemption::Network);
        network.or_else(|| role().map(Exemption::Role))
    }
}
