//! Reads what the attributes registered, and groups it by handler.

use jiff::Timestamp;
use waygate_core::{
    decl::Gate,
    grammar::{Interval, Invalid, RouteSpec, parse_cidr},
    model::{Deprecation, Lifecycle, RouteState, Window},
};

use crate::__private::Declaration;
use crate::http::{DeclaredLimits, Responses};

/// All that the attributes of one handler declare.
#[derive(Debug, Clone)]
pub(crate) struct HandlerDeclaration {
    /// `module_path!() + "::" + fn name`.
    pub(crate) handler: &'static str,
    /// Where the first attribute stands, as `file:line`.
    pub(crate) location: String,
    /// What `route = ..` lists.
    pub(crate) routes: Vec<RouteSpec>,
    /// The state to begin with.
    pub(crate) state: RouteState,
    /// What `response = ..` says, per attribute.
    pub(crate) responses: Responses,
    /// How often, and how many at a time.
    pub(crate) limits: DeclaredLimits,
}

/// Every declaration that was linked into this program, grouped by handler, in an order that is always the same.
///
/// # Errors
/// The first declaration that does not follow its grammar. The attributes check theirs at compile time,
/// so this means a declaration that was written by hand.
pub(crate) fn declarations() -> Result<Vec<HandlerDeclaration>, Invalid> {
    by_handler(Declaration::all())
}

fn by_handler<'a>(
    declarations: impl IntoIterator<Item = &'a Declaration>,
) -> Result<Vec<HandlerDeclaration>, Invalid> {
    let mut handlers: Vec<HandlerDeclaration> = Vec::new();
    for declaration in declarations {
        let location = format!("{}:{}", declaration.file, declaration.line);
        // Functions in two `impl` blocks can share an id; their place tells them apart.
        let known = handlers.last().is_some_and(|handler| {
            handler.handler == declaration.handler && handler.location == location
        });
        if !known {
            handlers.push(HandlerDeclaration {
                handler: declaration.handler,
                location,
                routes: Vec::new(),
                state: RouteState::default(),
                responses: Responses::default(),
                limits: DeclaredLimits::default(),
            });
        }
        if let Some(handler) = handlers.last_mut() {
            handler.add(declaration)?;
        }
    }
    Ok(handlers)
}

impl HandlerDeclaration {
    fn add(&mut self, declaration: &Declaration) -> Result<(), Invalid> {
        match declaration.gate {
            Gate::RateLimit(limit) => self.limits.add_rate(limit, declaration)?,
            Gate::ConcurrencyLimit(limit) => self.limits.add_concurrency(limit, declaration)?,
            gate => apply(&mut self.state, gate)?,
        }
        for route in declaration.routes {
            let route = route.parse()?;
            if !self.routes.contains(&route) {
                self.routes.push(route);
            }
        }
        if let Some(response) = declaration.response {
            self.responses.set(declaration.gate, response());
        }
        Ok(())
    }
}

fn apply(state: &mut RouteState, gate: Gate) -> Result<(), Invalid> {
    let position = &mut state.position;
    match gate {
        Gate::Maintenance {
            reason,
            window: None,
        } => {
            position.lifecycle = Lifecycle::Maintenance;
            position.reason = reason.parse()?;
        }
        Gate::Maintenance {
            reason,
            window: Some((start, end)),
        } => {
            let interval = Interval::new(instant(start)?, instant(end)?)?;
            position.windows.push(Window {
                interval,
                reason: reason.parse()?,
            });
        }
        Gate::Disabled { reason } => {
            position.lifecycle = Lifecycle::Disabled(Default::default());
            position.reason = reason.parse()?;
        }
        Gate::EnvOnly { envs } => {
            position.envs = Some(
                envs.iter()
                    .map(|env| env.parse())
                    .collect::<Result<_, _>>()?,
            );
        }
        Gate::AllowedIps { networks } => {
            state.access.ips = networks
                .iter()
                .map(|network| parse_cidr(network))
                .collect::<Result<_, _>>()?;
        }
        Gate::AllowedRoles { roles } => {
            state.access.roles = roles
                .iter()
                .map(|role| role.parse())
                .collect::<Result<_, _>>()?;
        }
        Gate::Deprecated {
            since,
            sunset,
            use_instead,
        } => {
            state.deprecation = Some(Deprecation::new(
                since.map(instant).transpose()?,
                sunset.map(instant).transpose()?,
                use_instead.map(str::parse).transpose()?,
            )?);
        }
        Gate::ForceActive => state.force_active = true,
        // `Gate` may grow; one that this version does not know gates nothing it could enforce.
        _ => {}
    }
    Ok(())
}

fn instant(seconds: i64) -> Result<Timestamp, Invalid> {
    Timestamp::from_second(seconds).map_err(|_| {
        Invalid::new(
            "instant",
            &seconds.to_string(),
            "out of range: expected Unix seconds",
        )
    })
}

#[cfg(test)]
mod tests {
    use waygate_core::decl::{ConcurrencyLimit, RateLimit};

    use super::*;
    use crate::{
        Key, RequestParts,
        http::{CostFunction, KeyFunction, Responder},
    };

    const RATE: RateLimit = RateLimit {
        name: None,
        ordinal: 0,
        limit: "5/minute",
        algorithm: None,
        key: None,
        on_missing_key: None,
        burst: 0,
        cost: 0,
        tiers: &[],
        tier: None,
        exempt_ips: &[],
        exempt_roles: &[],
        shadow: false,
        rollout: None,
        on_store_failure: None,
        lease: false,
        time_zone: None,
    };
    static FIRST: RateLimit = RateLimit {
        key: Some("custom"),
        ..RATE
    };
    static SECOND: RateLimit = RateLimit { ordinal: 1, ..RATE };
    static WRONG: RateLimit = RateLimit {
        limit: "5/fortnight",
        ..RATE
    };
    static SLOTS: ConcurrencyLimit = ConcurrencyLimit {
        name: Some("slots"),
        ordinal: 0,
        limit: 3,
        key: Some("custom"),
        exempt_ips: &[],
        exempt_roles: &[],
    };

    fn key() -> KeyFunction {
        KeyFunction::new(|_: &RequestParts| Some(Key::from(1)))
    }

    fn response() -> Responder {
        Responder::new(|_: &crate::Blocked| "busy")
    }

    const fn declared(gate: Gate, line: u32) -> Declaration {
        Declaration::new("app::handler", gate, &["GET /a"], "app.rs", line)
    }

    #[test]
    fn limits_come_with_their_functions_in_their_order() {
        let all = [
            declared(Gate::ConcurrencyLimit(&SLOTS), 1)
                .with_key(key)
                .with_response(response),
            declared(Gate::RateLimit(&FIRST), 1)
                .with_key(key)
                .with_cost(|| CostFunction::new(|_: &RequestParts| 7))
                .with_response(response),
            declared(Gate::RateLimit(&SECOND), 1),
            declared(Gate::ForceActive, 2),
        ];
        let handlers = by_handler(&all).unwrap();
        let [limited, other] = &handlers[..] else {
            panic!("expected two handlers, found {handlers:?}");
        };
        assert!(other.limits.rates.is_empty() && other.limits.concurrency.is_empty());
        assert!(other.state.force_active);
        assert_eq!(limited.state, RouteState::default());

        let [first, second] = &limited.limits.rates[..] else {
            panic!("expected two rates, found {limited:?}");
        };
        assert_eq!(first.policy.name.as_str(), "default");
        assert_eq!(second.policy.name.as_str(), "default-2");
        let (request, ()) = http::Request::new(()).into_parts();
        let told = first.key.as_ref().and_then(|key| key.sync(&request));
        assert_eq!(told, Some(Some(Key::from(1))));
        let cost = first.cost.as_ref().map(|cost| cost.cost(&request));
        assert_eq!(cost, Some(7));
        assert!(first.response.is_some());
        assert!(second.key.is_none() && second.cost.is_none() && second.response.is_none());

        let [slots] = &limited.limits.concurrency[..] else {
            panic!("expected one limit, found {limited:?}");
        };
        assert_eq!(
            slots.policy.meaning(),
            "at most 3 at the same time, for each key that the code tells"
        );
        assert!(slots.key.is_some() && slots.response.is_some());
    }

    #[test]
    fn a_declaration_by_hand_is_checked() {
        let invalid = by_handler(&[declared(Gate::RateLimit(&WRONG), 1)]).unwrap_err();
        assert!(
            invalid
                .to_string()
                .starts_with("invalid rate limit `5/fortnight`"),
            "{invalid}"
        );
    }
}
