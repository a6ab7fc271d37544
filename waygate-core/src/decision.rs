//! The pure function from a state and a request to a verdict, at the heart of the request path.
//!
//! States are compiled into [`RouteRule`]s when they change, so that [`decide`] does not allocate, lock or wait, and
//! reads the clock only for routes with a scheduled change.

mod block;
mod facts;
mod maintenance;

use std::cell::LazyCell;

use jiff::Timestamp;

use crate::{
    grammar::{EnvName, Reason},
    model::{Access, Effective, Position, RouteState},
};

use self::{
    block::later,
    facts::{canonical_networks, comes_from, has_any},
};

pub use block::Block;
pub use facts::Facts;
pub use maintenance::{Exemption, MaintenanceRule};

/// The decision about a request.
///
/// ```
/// use waygate_core::decision::Verdict;
///
/// fn status(verdict: Verdict<'_>) -> u16 {
///     if let Verdict::Block(_) = verdict { 503 } else { 200 }
/// }
/// assert_eq!(status(Verdict::passing(true, false)), 200);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Serve it.
    Pass,
    /// Serve it, and announce the deprecation of the route.
    PassDeprecated,
    /// Serve it, since an active maintenance exempts its caller. Others are refused, so caches must not store the
    /// response.
    PassExempt {
        /// Announce the deprecation of the route, too.
        deprecated: bool,
    },
    /// Respond without calling the handler.
    Block(Block<'a>),
}

/// A route's state, compiled for one environment.
#[derive(Debug, Clone)]
pub struct RouteRule {
    force_active: bool,
    deprecated: bool,
    access: Option<Access>,
    /// Phases by their start, oldest first; never empty, and no two neighbours are equal.
    phases: Box<[Phase]>,
    /// The states after the last compiled phase, if windows recur.
    beyond: Option<Box<Beyond>>,
}

/// The rule after the compiled phases.
#[derive(Debug, Clone)]
struct Beyond {
    from: Timestamp,
    position: Position,
    env: EnvName,
}

/// The phases of recurring windows that are compiled ahead.
const PHASES_AHEAD: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Phase {
    from: Timestamp,
    gate: Gate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Gate {
    Open,
    Closed(Closed),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Closed {
    Maintenance {
        reason: Reason,
        until: Option<Timestamp>,
    },
    Disabled {
        reason: Reason,
        until: Option<Timestamp>,
    },
    EnvGated {
        current: EnvName,
        allowed: Box<[EnvName]>,
    },
}

impl RouteRule {
    /// Compiles `state` for the environment `env`, for any time from `now` on.
    ///
    /// The time before `now` is not covered: compile again after the clock was set back.
    pub fn compile(state: &RouteState, env: &EnvName, now: Timestamp) -> Self {
        let position = &state.position;
        let mut phases = vec![Phase {
            from: Timestamp::MIN,
            gate: gate(position.effective(now), env),
        }];
        let most = match position.recurring.is_empty() {
            true => usize::MAX,
            false => 2 * position.windows.len() + PHASES_AHEAD,
        };
        let mut next = position.next_change(now);
        // Recurring windows have no last phase.
        let mut beyond = None;
        while let Some(from) = next {
            if phases.len() >= most {
                beyond = Some(Box::new(Beyond {
                    from,
                    position: position.clone(),
                    env: env.clone(),
                }));
                break;
            }
            let gate = gate(position.effective(from), env);
            if phases.last().is_none_or(|last| last.gate != gate) {
                phases.push(Phase { from, gate });
            }
            next = position.next_change(from);
        }
        Self {
            force_active: state.force_active,
            deprecated: state.deprecation.is_some(),
            access: (!state.access.is_open()).then(|| canonical(&state.access)),
            phases: phases.into_boxed_slice(),
            beyond,
        }
    }

    /// Decides by networks and roles alone, for a bypassed lifecycle.
    pub fn decide_access(&self, facts: &impl Facts) -> Verdict<'_> {
        let access = self.access.as_ref().filter(|_| !self.force_active);
        let denied = access.and_then(|access| denied(access, facts));
        denied.map_or(Verdict::Pass, Verdict::Block)
    }

    /// Returns whether the route is shown in API documentation at `now`: not while it is disabled or served only in
    /// other environments.
    pub fn is_listed(&self, now: Timestamp) -> bool {
        self.force_active
            || !matches!(
                self.block(|| now),
                Some(Block::Disabled { .. } | Block::EnvGated { .. })
            )
    }

    /// Returns whether the route ignores every gate except a global maintenance that includes it.
    pub fn is_force_active(&self) -> bool {
        self.force_active
    }

    /// Returns whether only a global maintenance can block requests to the route, now or later, and no header is
    /// added.
    pub fn is_unrestricted(&self) -> bool {
        let open = self.force_active
            || matches!(
                &*self.phases,
                [Phase {
                    gate: Gate::Open,
                    ..
                }]
            );
        open && (self.force_active || self.access.is_none()) && !self.deprecated
    }

    /// Returns the refusal of requests by the lifecycle and the environment.
    #[inline]
    fn block(&self, now: impl FnOnce() -> Timestamp) -> Option<Block<'_>> {
        match &*self.phases {
            [only] => only.gate.block(),
            phases => {
                let now = now();
                if let Some(beyond) = self.beyond.as_ref().filter(|beyond| beyond.from <= now) {
                    return beyond.block(now);
                }
                let index = phases.partition_point(|phase| phase.from <= now);
                phases[index.saturating_sub(1)].gate.block()
            }
        }
    }
}

impl Beyond {
    /// Derives the refusal from the state. The rule is usually compiled again long before.
    #[cold]
    fn block(&self, now: Timestamp) -> Option<Block<'_>> {
        match self.position.effective(now) {
            Effective::Open { .. } => None,
            Effective::EnvGated { envs, .. } if envs.contains(&self.env) => None,
            Effective::EnvGated { envs, .. } => Some(Block::EnvGated {
                current: &self.env,
                allowed: envs,
            }),
            Effective::Maintenance { reason, until } => Some(Block::Maintenance { reason, until }),
            Effective::Disabled { reason, until } => Some(Block::Disabled { reason, until }),
        }
    }
}

/// Converts networks to the form that addresses are compared in.
fn canonical(access: &Access) -> Access {
    Access {
        ips: canonical_networks(&access.ips),
        roles: access.roles.clone(),
    }
}

fn gate(effective: Effective<'_>, env: &EnvName) -> Gate {
    Gate::Closed(match effective {
        Effective::Open { .. } => return Gate::Open,
        Effective::EnvGated { envs, .. } if envs.contains(env) => return Gate::Open,
        Effective::EnvGated { envs, .. } => Closed::EnvGated {
            current: env.clone(),
            allowed: envs.into(),
        },
        Effective::Maintenance { reason, until } => Closed::Maintenance {
            reason: reason.clone(),
            until,
        },
        Effective::Disabled { reason, until } => Closed::Disabled {
            reason: reason.clone(),
            until,
        },
    })
}

/// The rules that apply to one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gates<'a> {
    /// Maintenance of all routes, unless it exempts the request's route.
    pub global: Option<&'a MaintenanceRule>,
    /// Maintenance of the route's service, unless it exempts the request's route.
    pub service: Option<&'a MaintenanceRule>,
    /// The route's rule; `None` for requests that no controlled route matches.
    pub route: Option<&'a RouteRule>,
}

/// Decides about one request. The checks run in this order: force-active, global maintenance, maintenance of the
/// service, the route's lifecycle and environment, networks, roles.
///
/// `now` is called at most once, and only if the answer depends on it.
///
/// ```
/// use std::net::IpAddr;
/// use waygate_core::{
///     decision::{Block, Facts, Gates, RouteRule, Verdict, decide},
///     grammar::RoleName,
///     model::{Lifecycle, Position, RouteState},
/// };
///
/// struct Anyone;
/// impl Facts for Anyone {
///     fn client_ip(&self) -> Option<IpAddr> { None }
///     fn has_role(&self, _: &RoleName) -> bool { false }
/// }
///
/// let now = "2030-01-01T00:00:00Z".parse()?;
/// let position = Position::new(Lifecycle::Maintenance, "database upgrade".parse()?);
/// let state = RouteState::default().position(position);
/// let rule = RouteRule::compile(&state, &"production".parse()?, now);
/// let verdict = decide(Gates { route: Some(&rule), ..Gates::default() }, &Anyone, || now);
/// assert!(matches!(verdict, Verdict::Block(Block::Maintenance { until: None, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn decide<'a>(
    gates: Gates<'a>,
    facts: &impl Facts,
    now: impl FnOnce() -> Timestamp,
) -> Verdict<'a> {
    let forced = gates.route.is_some_and(RouteRule::is_force_active);
    let now = LazyCell::new(now);
    let [global, service] =
        [gates.global, gates.service].map(|rule| rule.filter(|rule| rule.is_on(forced, || *now)));
    let exempt = global.is_some() || service.is_some();
    let own = gates.route.filter(|_| !forced);
    let end_of_own = || own.and_then(|rule| rule.block(|| *now)?.end());
    let service = service.filter(|rule| !rule.exempts(facts));
    if let Some(rule) = global.filter(|rule| !rule.exempts(facts)) {
        let until = later(rule.until(), || service.map(MaintenanceRule::until));
        return Verdict::Block(Block::GlobalMaintenance {
            reason: rule.reason(),
            until: later(until, end_of_own),
        });
    }
    if let Some(rule) = service {
        return Verdict::Block(Block::ServiceMaintenance {
            reason: rule.reason(),
            until: later(rule.until(), end_of_own),
        });
    }
    let Some(rule) = gates.route else {
        return Verdict::passing(false, exempt);
    };
    if !forced {
        if let Some(block) = rule.block(|| *now) {
            return Verdict::Block(block);
        }
        if let Some(block) = rule
            .access
            .as_ref()
            .and_then(|access| denied(access, facts))
        {
            return Verdict::Block(block);
        }
    }
    Verdict::passing(rule.deprecated, exempt)
}

impl Gate {
    /// Returns the refusal of a closed gate.
    #[inline]
    fn block(&self) -> Option<Block<'_>> {
        match self {
            Self::Open => None,
            Self::Closed(closed) => Some(closed.block()),
        }
    }
}

impl Verdict<'_> {
    /// Returns the verdict of a request that is served.
    #[inline]
    pub fn passing(deprecated: bool, exempt: bool) -> Self {
        match (exempt, deprecated) {
            (true, deprecated) => Self::PassExempt { deprecated },
            (false, true) => Self::PassDeprecated,
            (false, false) => Self::Pass,
        }
    }
}

impl Closed {
    fn block(&self) -> Block<'_> {
        match self {
            Self::Maintenance { reason, until } => Block::Maintenance {
                reason,
                until: *until,
            },
            Self::Disabled { reason, until } => Block::Disabled {
                reason,
                until: *until,
            },
            Self::EnvGated { current, allowed } => Block::EnvGated { current, allowed },
        }
    }
}

fn denied<'a>(access: &'a Access, facts: &impl Facts) -> Option<Block<'a>> {
    if !access.ips.is_empty() && !comes_from(&access.ips, facts) {
        return Some(Block::IpNotAllowed);
    }
    if !access.roles.is_empty() && !has_any(&access.roles, facts) {
        return Some(Block::RoleRequired {
            roles: &access.roles,
        });
    }
    None
}

#[cfg(test)]
mod tests;
