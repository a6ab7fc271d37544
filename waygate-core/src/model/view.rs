use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Deprecation, Lifecycle, Position, RecurringFields, RouteKey, RouteState, RouteStatus, WindowId,
    text,
};
use crate::grammar::{EnvName, LinkTarget, Reason, RoleName, ServiceName, format_http_date};

/// A route as the admin API shows it (wire contract, section 2.1, and extensions).
///
/// `status` and `reason` apply at the instant of the view. The fields up to `force_active` are those of the contract,
/// in its order; other servers may omit the later ones.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Lifecycle, Position, RouteState, RouteView},
/// };
///
/// let closed = Position::new(Lifecycle::Maintenance, "database upgrade".parse()?);
/// let state = RouteState::default().position(closed);
/// let view = RouteView::new(&"GET:/payments".parse()?, &state, Timestamp::now());
/// assert_eq!(view.status.as_str(), "maintenance");
/// assert_eq!(view.reason.as_str(), "database upgrade");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RouteView {
    /// The whole key, including the service in a fleet.
    pub path: RouteKey,
    /// The service, in a fleet.
    #[cfg_attr(feature = "schema", schema(required))]
    pub service: Option<ServiceName>,
    /// The status.
    pub status: RouteStatus,
    /// The reason; may be empty.
    pub reason: Reason,
    /// The only environments in which the route is open. Empty if it is open in all; while the status is `env_gated`,
    /// if it is open in none.
    pub allowed_envs: Vec<EnvName>,
    /// The caller must have one of these roles, if there are any.
    pub allowed_roles: Vec<RoleName>,
    /// The client's address must be in one of these networks, if there are any.
    #[serde(with = "text::networks")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub allowed_ips: Vec<IpNet>,
    /// The span of a temporary disable, else the active or next window.
    #[cfg_attr(feature = "schema", schema(required))]
    pub window: Option<Span>,
    /// The date when the route will be removed, as an HTTP-date.
    #[cfg_attr(feature = "schema", schema(required))]
    pub sunset_date: Option<String>,
    /// The replacement.
    #[cfg_attr(feature = "schema", schema(required))]
    pub successor_path: Option<LinkTarget>,
    /// Always 100; feature flags select a share of the traffic.
    pub rollout_percentage: u8,
    /// `true` if the route is always served, and its state cannot be changed.
    pub force_active: bool,
    /// All windows that have not ended, oldest first. Of recurring ones, the current or next.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub windows: Vec<PlannedWindow>,
    /// The recurring windows, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<RecurringFields>,
    /// Set if the removal of the route is announced.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub deprecation: Option<Deprecation>,
    /// The time when the status ends, if known.
    #[serde(default, with = "text::maybe_instant")]
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
}

/// A span of time and its purpose.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     grammar::Interval,
///     model::{RouteState, RouteView, Window},
/// };
///
/// let interval = Interval::parse("2930-01-01T02:00:00Z", "2930-01-01T04:00:00Z")?;
/// let mut state = RouteState::default();
/// state.position.windows.push(Window { interval, reason: "upgrade".parse()? });
/// let view = RouteView::new(&"GET:/payments".parse()?, &state, Timestamp::now());
/// let span = view.window.expect("the next window");
/// assert_eq!((span.start, span.end), (interval.start(), interval.end()));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Span {
    /// The first instant.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub start: Timestamp,
    /// The first instant after it.
    #[serde(with = "text::instant")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub end: Timestamp,
    /// The reason; may be empty.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: Reason,
}

/// A maintenance window, with the id that cancels it.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     grammar::Interval,
///     model::{RouteState, RouteView, Window},
/// };
///
/// let interval = Interval::parse("2930-01-01T02:00:00Z", "2930-01-01T04:00:00Z")?;
/// let mut state = RouteState::default();
/// state.position.windows.push(Window { interval, reason: "upgrade".parse()? });
/// let view = RouteView::new(&"GET:/payments".parse()?, &state, Timestamp::now());
/// assert_eq!(view.windows[0].span.start, interval.start());
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PlannedWindow {
    /// The window's name.
    pub id: WindowId,
    /// The span and the reason.
    #[serde(flatten)]
    pub span: Span,
}

impl RouteView {
    /// The route `key` in `state`, as it is at `now`.
    pub fn new(key: &RouteKey, state: &RouteState, now: Timestamp) -> Self {
        let effective = state.position.effective(now);
        let windows = planned(&state.position, now);
        let deprecation = state.deprecation.as_ref();
        Self {
            path: key.clone(),
            service: key.service().and_then(|name| name.parse().ok()),
            status: state.status(now),
            reason: effective.reason().clone(),
            allowed_envs: state.position.envs.clone().unwrap_or_default(),
            allowed_roles: state.access.roles.clone(),
            allowed_ips: state.access.ips.clone(),
            window: disabled_span(&state.position, now)
                .or_else(|| windows.first().map(|window| window.span.clone())),
            sunset_date: deprecation
                .and_then(Deprecation::sunset)
                .map(format_http_date),
            successor_path: deprecation.and_then(Deprecation::successor).cloned(),
            rollout_percentage: 100,
            force_active: state.force_active,
            windows,
            recurring: state
                .position
                .recurring
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
            deprecation: state.deprecation.clone(),
            until: effective.until(),
        }
    }
}

/// The windows that have not ended, oldest first.
pub(super) fn planned(position: &Position, now: Timestamp) -> Vec<PlannedWindow> {
    let planned = position.planned(now).into_iter();
    planned
        .map(|(interval, reason)| PlannedWindow {
            id: interval.into(),
            span: Span {
                start: interval.start(),
                end: interval.end(),
                reason: reason.clone(),
            },
        })
        .collect()
}

fn disabled_span(position: &Position, now: Timestamp) -> Option<Span> {
    match &position.lifecycle {
        Lifecycle::Disabled(disabled) => {
            let (start, end) = disabled.since.zip(disabled.until)?;
            (end > now).then(|| Span {
                start,
                end,
                reason: position.reason.clone(),
            })
        }
        Lifecycle::Active | Lifecycle::Maintenance => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::{
        grammar::{Interval, parse_cidr},
        model::Access,
        transition::{RouteCommand, transition},
    };

    /// Minutes after noon on some day.
    fn at(minutes: i64) -> Timestamp {
        let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
        noon + SignedDuration::from_mins(minutes)
    }

    fn view(state: &RouteState, now: i64) -> RouteView {
        RouteView::new(&"billing:GET:/payments".parse().unwrap(), state, at(now))
    }

    fn after(commands: &[RouteCommand]) -> RouteState {
        let declared = RouteState::default();
        commands.iter().fold(declared.clone(), |state, command| {
            transition(&state, &declared, command, at(0)).unwrap()
        })
    }

    fn schedule(start: i64, end: i64) -> RouteCommand {
        RouteCommand::Schedule {
            interval: Interval::new(at(start), at(end)).unwrap(),
            reason: "planned".parse().unwrap(),
        }
    }

    fn span(start: i64, end: i64, reason: &str) -> Span {
        Span {
            start: at(start),
            end: at(end),
            reason: reason.parse().unwrap(),
        }
    }

    #[test]
    fn the_window_is_the_current_or_next_one() {
        let state = after(&[schedule(30, 40), schedule(10, 20)]);
        for (now, window, listed) in [
            (0, Some(span(10, 20, "planned")), 2),
            (10, Some(span(10, 20, "planned")), 2),
            (20, Some(span(30, 40, "planned")), 1),
            (40, None, 0),
        ] {
            let view = view(&state, now);
            assert_eq!(view.window, window, "{now}");
            assert_eq!(view.windows.len(), listed);
            assert_eq!(
                view.status == RouteStatus::Maintenance,
                (10..20).contains(&now)
            );
        }
        let ids: Vec<_> = view(&state, 0)
            .windows
            .iter()
            .map(|w| w.id.to_string())
            .collect();
        assert_eq!(
            ids,
            [
                "2030-01-01T12:10:00Z/2030-01-01T12:20:00Z",
                "2030-01-01T12:30:00Z/2030-01-01T12:40:00Z",
            ]
        );
    }

    #[test]
    fn a_temporary_disabling_is_shown_as_a_window() {
        let disable = RouteCommand::Disable {
            reason: "incident".parse().unwrap(),
            until: Some(at(30)),
        };
        let state = after(&[schedule(10, 50), disable]);
        let during = view(&state, 15);
        assert_eq!(during.status, RouteStatus::Disabled);
        assert_eq!(during.reason.as_str(), "incident");
        assert_eq!(during.window, Some(span(0, 30, "incident")));
        assert_eq!(during.until, Some(at(30)));
        assert_eq!(
            during.windows.len(),
            1,
            "it is not one that could be cancelled by name"
        );
        let later = view(&state, 30);
        assert_eq!(later.status, RouteStatus::Maintenance);
        assert_eq!(later.window, Some(span(10, 50, "planned")));
        assert_eq!(later.until, Some(at(50)));
    }

    #[test]
    fn shows_everything_that_affects_decisions() {
        let sunset = "2031-01-01T00:00:00Z".parse().unwrap();
        let successor = Some("/v2".parse().unwrap());
        let mut state = after(&[
            RouteCommand::EnvOnly {
                envs: vec!["dev".parse().unwrap()],
            },
            RouteCommand::SetAccess(Access {
                ips: vec![parse_cidr("10.0.0.0/8").unwrap()],
                roles: vec!["admin".parse().unwrap()],
            }),
            RouteCommand::Deprecate(Some(
                Deprecation::new(Some(at(0)), Some(sunset), successor).unwrap(),
            )),
        ]);
        state.force_active = true;
        let view = view(&state, 0);
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"path":"billing:GET:/payments","service":"billing","status":"env_gated","reason":"","#,
                r#""allowed_envs":["dev"],"allowed_roles":["admin"],"allowed_ips":["10.0.0.0/8"],"#,
                r#""window":null,"sunset_date":"Wed, 01 Jan 2031 00:00:00 GMT","successor_path":"/v2","#,
                r#""rollout_percentage":100,"force_active":true,"windows":[],"#,
                r#""deprecation":{"since":"2030-01-01T12:00:00Z","sunset":"2031-01-01T00:00:00Z","#,
                r#""successor":"/v2"},"until":null}"#,
            )
        );
        assert_eq!(serde_json::from_str::<RouteView>(&text).unwrap(), view);
    }

    #[test]
    fn windows_round_trip_without_nesting() {
        let view = view(&after(&[schedule(10, 20)]), 12);
        let value = serde_json::to_value(&view).unwrap();
        assert_eq!(
            value["windows"],
            serde_json::json!([{
                "id": "2030-01-01T12:10:00Z/2030-01-01T12:20:00Z",
                "start": "2030-01-01T12:10:00Z",
                "end": "2030-01-01T12:20:00Z",
                "reason": "planned",
            }])
        );
        assert_eq!(value["until"], "2030-01-01T12:20:00Z");
        assert_eq!(serde_json::from_value::<RouteView>(value).unwrap(), view);
    }
}
