use waygate_core::{
    grammar::Invalid,
    model::{Lifecycle, Position, RouteKey, RouteOverride, RouteState},
    port::EntityKey,
};

use super::reason::unreadable_reason;
use crate::engine::store::{Instead, Kind, Shown, Touches, View, named};

/// The state of routes that operators have changed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Routes;

impl Kind for Routes {
    const NAMES: &'static [&'static str] = &["route"];
    const GOVERNS: bool = true;
    const INSTEAD: Instead = Instead::Closed;
    type Key = RouteKey;
    type Value = RouteOverride;

    fn parse(kind: &str, name: Option<&str>) -> Result<RouteKey, Invalid> {
        named(kind, name)
    }

    fn entity(key: &RouteKey) -> EntityKey {
        EntityKey::of("route", key)
    }

    fn route(key: &RouteKey) -> Option<&RouteKey> {
        Some(key)
    }

    fn route_in_name<'a>(_kind: &str, name: &'a str) -> Option<&'a str> {
        Some(name)
    }

    fn may_stand_in(older: &RouteOverride) -> bool {
        is_closed_for_good(&older.state.position)
    }

    fn touches(key: &RouteKey) -> Touches<'_> {
        Touches::Route(key)
    }

    fn shown(key: &RouteKey, _: Option<&RouteOverride>, view: &dyn View) -> Option<Shown> {
        Some(Shown::new("route", key, view.route(key)))
    }
}

/// The state of a route with an unreadable record.
pub(crate) fn closed_route(declared: &RouteState) -> RouteState {
    if is_closed_for_good(&declared.position) {
        return declared.clone();
    }
    let position = Position::new(Lifecycle::Maintenance, unreadable_reason());
    let position = position.envs(declared.position.envs.clone());
    declared.clone().position(position)
}

/// Returns `true` if the route does not open with time.
pub(crate) fn is_closed_for_good(position: &Position) -> bool {
    match &position.lifecycle {
        Lifecycle::Maintenance => position.windows.is_empty(),
        Lifecycle::Disabled(disabled) => disabled.until.is_none(),
        _ => false,
    }
}
