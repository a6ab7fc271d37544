use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Deprecation, ExemptPath, GlobalMaintenance, Lifecycle, PlannedWindow, Position, RouteState,
    RouteStatus, WindowId, text, view,
};
use crate::grammar::{EnvName, RoleName};

/// The settings that a command has dropped from a route, by their names in the route. Empty ones are omitted.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Access, Dropped, RouteState},
/// };
///
/// let before = RouteState::default().access(Access::new([], ["ops".parse()?]));
/// let dropped = Dropped::between(&before, &RouteState::default(), Timestamp::now());
/// assert_eq!(dropped.allowed_roles, before.access.roles);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Dropped {
    /// Windows that had not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<PlannedWindow>,
    /// Recurring windows, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<WindowId>,
    /// Environments of the gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_envs: Vec<EnvName>,
    /// Roles of the access list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_roles: Vec<RoleName>,
    /// Networks of the access list.
    #[serde(
        default,
        with = "text::networks",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub allowed_ips: Vec<IpNet>,
    /// The deprecation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub deprecation: Option<Deprecation>,
    /// The end of a temporary disable.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub until: Option<Timestamp>,
    /// The status that closed the route, if an environment gate has replaced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub status: Option<RouteStatus>,
}

impl Dropped {
    /// The settings that a command at `now` has dropped between `before` and `after`.
    pub fn between(before: &RouteState, after: &RouteState, now: Timestamp) -> Self {
        let left = view::planned(&after.position, now);
        let mut windows = view::planned(&before.position, now);
        windows.retain(|window| left.iter().all(|other| other.id != window.id));
        let envs = |state: &RouteState| state.position.envs.clone().unwrap_or_default();
        let (was, is) = (&before.access, &after.access);
        let until = disabled_until(&before.position).filter(|until| *until > now);
        let ids = |state: &RouteState| -> Vec<WindowId> {
            let recurring = state.position.recurring.iter();
            recurring.map(super::RecurringWindow::id).collect()
        };
        Self {
            windows,
            recurring: gone(&ids(before), &ids(after)),
            allowed_envs: gone(&envs(before), &envs(after)),
            allowed_roles: gone(&was.roles, &is.roles),
            allowed_ips: gone(&was.ips, &is.ips),
            deprecation: before
                .deprecation
                .clone()
                .filter(|_| before.deprecation != after.deprecation),
            until: until.filter(|_| until != disabled_until(&after.position)),
            status: replaced_by_gate(&before.position, &after.position),
        }
    }

    /// Returns `true` if nothing was dropped.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The status that held until an environment gate was set in its place.
fn replaced_by_gate(before: &Position, after: &Position) -> Option<RouteStatus> {
    let is_gated = after.envs.is_some() && after.lifecycle == Lifecycle::Active;
    match before.lifecycle {
        Lifecycle::Maintenance if is_gated => Some(RouteStatus::Maintenance),
        Lifecycle::Disabled(_) if is_gated => Some(RouteStatus::Disabled),
        _ => None,
    }
}

/// The maintenance settings that a command has dropped, by their original names. Empty ones are omitted.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{DroppedMaintenance, GlobalMaintenance},
/// };
///
/// let before = GlobalMaintenance::new("upgrade".parse()?).exempt_roles(["ops".parse()?]);
/// let (after, now) = (GlobalMaintenance::default(), Timestamp::now());
/// let dropped = DroppedMaintenance::between(&before, &after, now);
/// assert_eq!(dropped.exempt_roles, before.exempt_roles);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DroppedMaintenance {
    /// `true` if planned maintenance has replaced active maintenance: everything is open until it starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// The start of a planned maintenance.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub start: Option<Timestamp>,
    /// The end of the maintenance.
    #[serde(
        default,
        with = "text::maybe_instant",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime, nullable = false))]
    pub end: Option<Timestamp>,
    /// Routes that stayed open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_paths: Vec<ExemptPath>,
    /// Networks from which clients were served.
    #[serde(
        default,
        with = "text::networks",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Roles with which callers were served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<RoleName>,
    /// `true` if force-active routes were closed, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_force_active: bool,
    /// Recurring maintenance, by its id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<WindowId>,
}

impl DroppedMaintenance {
    /// The settings that a command at `now` has dropped between `before` and `after`.
    pub fn between(before: &GlobalMaintenance, after: &GlobalMaintenance, now: Timestamp) -> Self {
        let ahead = |was: Option<Timestamp>, is| was.filter(|at| *at > now && was != is);
        Self {
            enabled: before.at(now).enabled && after.enabled && !after.at(now).enabled,
            start: ahead(before.start, after.start),
            end: ahead(before.end, after.end),
            exempt_paths: gone(&before.exempt_paths, &after.exempt_paths),
            exempt_ips: gone(&before.exempt_ips, &after.exempt_ips),
            exempt_roles: gone(&before.exempt_roles, &after.exempt_roles),
            include_force_active: before.include_force_active && !after.include_force_active,
            recurring: gone(&recurring_ids(before), &recurring_ids(after)),
        }
    }

    /// Returns `true` if nothing was dropped.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn recurring_ids(maintenance: &GlobalMaintenance) -> Vec<WindowId> {
    let recurring = maintenance.recurring.iter();
    recurring.map(|recurring| recurring.window.id()).collect()
}

fn gone<T: PartialEq + Clone>(before: &[T], after: &[T]) -> Vec<T> {
    let gone = before.iter().filter(|was| !after.contains(was));
    gone.cloned().collect()
}

fn disabled_until(position: &Position) -> Option<Timestamp> {
    match &position.lifecycle {
        Lifecycle::Disabled(disabled) => disabled.until,
        Lifecycle::Active | Lifecycle::Maintenance => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;
    use crate::{
        grammar::{Interval, parse_cidr},
        model::Access,
        transition::{RouteCommand, transition},
    };

    fn at(hour: u32) -> Timestamp {
        format!("2030-01-01T{hour:02}:00:00Z").parse().unwrap()
    }

    fn run(state: &RouteState, command: RouteCommand) -> RouteState {
        transition(state, &RouteState::default(), &command, at(0)).unwrap()
    }

    /// A route with everything set: gated, with a planned window, restricted, deprecated, and disabled for an hour.
    fn full() -> RouteState {
        let plan = RouteCommand::Schedule {
            interval: Interval::new(at(2), at(4)).unwrap(),
            reason: "plan".parse().unwrap(),
        };
        let access = Access {
            ips: vec![parse_cidr("10.0.0.0/8").unwrap()],
            roles: vec!["ops".parse().unwrap()],
        };
        let envs = ["dev", "staging"].map(|env| env.parse().unwrap()).to_vec();
        let off = RouteCommand::Disable {
            reason: "pause".parse().unwrap(),
            until: Some(at(1)),
        };
        [
            RouteCommand::EnvOnly { envs },
            plan,
            RouteCommand::SetAccess(access),
            RouteCommand::Deprecate(Some(Deprecation::default())),
            off,
        ]
        .into_iter()
        .fold(RouteState::default(), |state, command| run(&state, command))
    }

    #[test]
    fn everything_that_a_command_drops_is_named() {
        let full = full();
        let reason = || "x".parse().unwrap();
        let windows = json!([{
            "id": "2030-01-01T02:00:00Z/2030-01-01T04:00:00Z",
            "start": "2030-01-01T02:00:00Z",
            "end": "2030-01-01T04:00:00Z",
            "reason": "plan",
        }]);
        let (until, envs) = ("2030-01-01T01:00:00Z", json!(["dev", "staging"]));
        let (roles, ips) = (json!(["ops"]), json!(["10.0.0.0/8"]));
        for (command, dropped) in [
            (
                RouteCommand::Enable { reason: reason() },
                json!({"windows": windows, "allowed_envs": envs, "until": until}),
            ),
            (
                RouteCommand::Disable {
                    reason: reason(),
                    until: None,
                },
                json!({"until": until}),
            ),
            (
                RouteCommand::Disable {
                    reason: reason(),
                    until: Some(at(1)),
                },
                json!({}),
            ),
            (
                RouteCommand::Maintain { reason: reason() },
                json!({"windows": windows, "until": until}),
            ),
            (
                RouteCommand::EnvOnly {
                    envs: vec!["dev".parse().unwrap()],
                },
                json!({"allowed_envs": ["staging"], "until": until, "status": "disabled"}),
            ),
            (
                RouteCommand::CancelSchedule { window: None },
                json!({"windows": windows, "until": until}),
            ),
            (
                RouteCommand::SetAccess(Access::default()),
                json!({"allowed_ips": ips, "allowed_roles": roles}),
            ),
            (RouteCommand::Deprecate(None), json!({"deprecation": {}})),
            (
                RouteCommand::Reset,
                json!({
                    "windows": windows, "allowed_envs": envs, "allowed_ips": ips, "allowed_roles": roles,
                    "deprecation": {}, "until": until,
                }),
            ),
        ] {
            let after = run(&full, command.clone());
            let found = Dropped::between(&full, &after, at(0));
            assert_eq!(to_value(&found).unwrap(), dropped, "{command:?}");
            assert_eq!(found.is_empty(), dropped == json!({}));
        }
        // No command drops what has already ended.
        let after = RouteState::default();
        let late = Dropped::between(&full, &after, at(5));
        assert!(late.windows.is_empty() && late.until.is_none());
    }

    #[test]
    fn everything_that_maintenance_loses_is_named() {
        let before: GlobalMaintenance = serde_json::from_value(json!({
            "enabled": true, "include_force_active": true, "exempt_paths": ["/a", "/b"], "exempt_ips": ["10.0.0.0/8"],
            "exempt_roles": ["ops"], "start": "2030-01-01T02:00:00Z", "end": "2030-01-01T04:00:00Z",
        }))
        .unwrap();
        let dropped = |after: &GlobalMaintenance, now| {
            to_value(DroppedMaintenance::between(&before, after, now)).unwrap()
        };
        let rest = json!({
            "include_force_active": true, "exempt_paths": ["/a", "/b"], "exempt_ips": ["10.0.0.0/8"],
            "exempt_roles": ["ops"], "end": "2030-01-01T04:00:00Z",
        });
        let mut all = rest.clone();
        all["start"] = json!("2030-01-01T02:00:00Z");
        assert_eq!(dropped(&GlobalMaintenance::default(), at(0)), all);
        assert_eq!(dropped(&GlobalMaintenance::default(), at(3)), rest);
        assert_eq!(dropped(&before, at(0)), json!({}));
        let mut fewer = before.clone();
        fewer.exempt_paths.pop();
        fewer.end = Some(at(5));
        let expected = json!({"exempt_paths": ["/b"], "end": "2030-01-01T04:00:00Z"});
        assert_eq!(dropped(&fewer, at(3)), expected);
    }

    #[test]
    fn the_replaced_status_is_named() {
        let planned = |start: Option<Timestamp>| GlobalMaintenance {
            enabled: true,
            start,
            ..GlobalMaintenance::default()
        };
        let (on, later) = (planned(None), planned(Some(at(5))));
        let dropped = |before: &GlobalMaintenance, after: &GlobalMaintenance| {
            to_value(DroppedMaintenance::between(before, after, at(1))).unwrap()
        };
        assert_eq!(dropped(&on, &later), json!({"enabled": true}));
        assert_eq!(dropped(&on, &GlobalMaintenance::default()), json!({}));
        assert_eq!(
            dropped(&later, &planned(Some(at(1)))),
            json!({"start": at(5)})
        );

        let gated = |lifecycle: &str| {
            let mut before = RouteState::default();
            before.position.lifecycle = match lifecycle {
                "disabled" => Lifecycle::Disabled(Default::default()),
                "maintenance" => Lifecycle::Maintenance,
                _ => Lifecycle::Active,
            };
            let mut after = RouteState::default();
            after.position.envs = Some(vec!["dev".parse().unwrap()]);
            to_value(Dropped::between(&before, &after, at(1))).unwrap()
        };
        for closed in ["disabled", "maintenance"] {
            assert_eq!(gated(closed), json!({"status": closed}));
        }
        assert_eq!(gated("active"), json!({}));
    }
}
