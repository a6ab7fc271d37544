use std::fmt;

use waygate_core::{
    grammar::format_wire,
    model::{GlobalMaintenance, LimitScope},
};

use super::{Inner, kinds::MaintenanceScope};

/// Active or planned maintenance of the whole API, or of the service of this process.
#[derive(Debug)]
pub(crate) struct MaintenanceNotice {
    pub(crate) scope: MaintenanceScope,
    /// The current maintenance.
    pub(crate) set: GlobalMaintenance,
}

impl Inner {
    /// The active and planned maintenance of the whole API and of the service, besides the states of routes.
    pub(crate) fn maintenance_notices(&self) -> Vec<MaintenanceNotice> {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let notices = snapshot.maintenances().map(|(scope, maintained)| {
            let set = maintained.config.at(now);
            MaintenanceNotice { scope, set }
        });
        notices.filter(|notice| notice.set.is_set()).collect()
    }
}

impl fmt::Display for MaintenanceNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, set } = self;
        match LimitScope::from(scope) {
            LimitScope::Global => f.write_str("global maintenance")?,
            scope => write!(f, "maintenance of {scope}")?,
        }
        let start = set.start.filter(|_| !set.enabled);
        match start {
            Some(start) => write!(f, " is planned from {}", format_wire(start, "Z"))?,
            None => f.write_str(" is on")?,
        }
        if let Some(end) = set.end {
            write!(f, " until {}", format_wire(end, "Z"))?;
        }
        let paths = set.exempt_paths.iter().map(ToString::to_string);
        let networks = set.exempt_ips.iter().map(ToString::to_string);
        let roles = set.exempt_roles.iter().map(|role| format!("role {role}"));
        for (index, exempt) in paths.chain(networks).chain(roles).enumerate() {
            let before = if index == 0 { " but for " } else { ", " };
            write!(f, "{before}{exempt}")?;
        }
        match set.reason.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", set.reason),
        }
    }
}
