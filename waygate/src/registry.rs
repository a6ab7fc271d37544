//! Reads what the attributes registered, and groups it by handler.

use jiff::Timestamp;
use waygate_core::{
    decl::Gate,
    grammar::{Algorithm, Interval, Invalid, RouteSpec, parse_cidr},
    model::{Deprecation, Lifecycle, RouteState, Window},
};

use crate::__private::{Declaration, Stamp};
use crate::http::{DeclaredLimits, Responses};

/// All that the attributes of one handler declare.
#[derive(Debug, Clone)]
pub(crate) struct HandlerDeclaration {
    /// `module_path!() + "::" + fn name`.
    pub(crate) handler: &'static str,
    /// What its operations carry.
    pub(crate) stamp: Stamp,
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
/// Limits that name no algorithm are counted by `algorithm`.
///
/// # Errors
/// The first declaration that does not follow its grammar, or does not go with `algorithm`: the attributes check all else
/// at compile time. Also two functions that nothing tells apart.
pub(crate) fn declarations(algorithm: Algorithm) -> Result<Vec<HandlerDeclaration>, Invalid> {
    by_handler(Declaration::all(), algorithm)
}

fn by_handler<'a>(
    declarations: impl IntoIterator<Item = &'a Declaration>,
    algorithm: Algorithm,
) -> Result<Vec<HandlerDeclaration>, Invalid> {
    let mut handlers: Vec<HandlerDeclaration> = Vec::new();
    let mut previous = None;
    for declaration in declarations {
        let attribute = Some(declaration.attribute());
        if previous == attribute {
            return Err(not_told_apart(declaration));
        }
        previous = attribute;
        let location = format!("{}:{}", declaration.file, declaration.line);
        let known = handlers
            .last()
            .is_some_and(|handler| handler.stamp == declaration.stamp);
        if !known {
            handlers.push(HandlerDeclaration {
                handler: declaration.handler,
                stamp: declaration.stamp,
                location,
                routes: Vec::new(),
                state: RouteState::default(),
                responses: Responses::default(),
                limits: DeclaredLimits::default(),
            });
        }
        if let Some(handler) = handlers.last_mut() {
            let added = handler.add(declaration, algorithm);
            added.map_err(|invalid| refused(declaration, &invalid))?;
        }
    }
    Ok(handlers)
}

/// Says which attribute declares what is invalid.
fn refused(declaration: &Declaration, invalid: &Invalid) -> Invalid {
    let Declaration {
        handler,
        file,
        line,
        gate,
        ..
    } = declaration;
    let problem = format!("`#[{}]` at {file}:{line}: {invalid}", gate.attribute());
    Invalid::new("handler", handler, problem)
}

/// Two functions that say the same, but not with the same functions.
fn not_told_apart(declaration: &Declaration) -> Invalid {
    let Declaration {
        handler,
        file,
        line,
        gate,
        ..
    } = declaration;
    let problem = format!(
        "nothing tells two functions of this name at {file}:{line} apart, and `#[{}]` of each declares something \
         else: rename one of them",
        gate.attribute()
    );
    Invalid::new("handler", handler, problem)
}

impl HandlerDeclaration {
    /// Whether `path` is the handler's own path, or that of a module above it. Every path is under `""`.
    pub(crate) fn is_under(&self, path: &str) -> bool {
        if path.is_empty() {
            return true;
        }
        let rest = self
            .handler
            .strip_prefix(path.strip_suffix("::").unwrap_or(path));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// Whether anything that it declares can refuse a request.
    pub(crate) fn can_refuse(&self) -> bool {
        let passing = RouteState {
            force_active: self.state.force_active,
            deprecation: self.state.deprecation.clone(),
            ..RouteState::default()
        };
        let limits = &self.limits;
        self.state != passing || !limits.rates.is_empty() || !limits.concurrency.is_empty()
    }

    fn add(&mut self, declaration: &Declaration, algorithm: Algorithm) -> Result<(), Invalid> {
        match declaration.gate {
            Gate::RateLimit(limit) => self.limits.add_rate(limit, declaration, algorithm)?,
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
            self.responses.set(declaration.gate, response().function);
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
            // A declared window beside it must not end it.
            position.windows.clear();
        }
        Gate::Maintenance {
            reason,
            window: Some((start, end)),
        } => {
            let interval = Interval::new(instant(start)?, instant(end)?)?;
            if position.lifecycle == Lifecycle::Maintenance {
                return Ok(());
            }
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
        __private::{Named, cost_function, key_function, responder},
        Key, RequestParts,
        http::{KeyFunction, Responder},
    };

    const WINDOW: Algorithm = Algorithm::FixedWindow;

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

    fn key() -> Named<KeyFunction> {
        key_function(|_: &RequestParts| Some(Key::from(1)))
    }

    fn other_key() -> Named<KeyFunction> {
        key_function(|_: &RequestParts| Some(Key::from(2)))
    }

    fn response() -> Named<Responder> {
        responder(|_: &crate::Blocked| "busy")
    }

    const fn declared(gate: Gate, stamp: Stamp) -> Declaration {
        Declaration::new("app::handler", stamp, gate, &["GET /a"], "app.rs", 1)
    }

    #[test]
    fn attributes_of_one_function_are_repeated_with_its_functions() {
        let one = declared(Gate::RateLimit(&FIRST), &"a").with_key(key);
        assert!(one.repeats(&one));
        let others = [
            declared(Gate::RateLimit(&FIRST), &"b").with_key(key),
            declared(Gate::RateLimit(&FIRST), &"a").with_key(other_key),
            declared(Gate::RateLimit(&FIRST), &"a"),
            declared(Gate::RateLimit(&WRONG), &"a").with_key(key),
        ];
        for other in &others {
            assert!(!one.repeats(other), "{other:?}");
        }
    }

    #[test]
    fn two_functions_that_cannot_be_told_apart_and_differ_are_refused() {
        let one = declared(Gate::RateLimit(&FIRST), &"a").with_key(key);
        let other = declared(Gate::RateLimit(&FIRST), &"a").with_key(other_key);
        let refused = by_handler(&[one, other], WINDOW).unwrap_err().to_string();
        assert_eq!(
            refused,
            "invalid handler `app::handler`: nothing tells two functions of this name at app.rs:1 apart, and \
             `#[rate_limit]` of each declares something else: rename one of them"
        );
    }

    #[test]
    fn a_path_holds_whole_segments() {
        let list = Declaration::new("app::v1::list", &"a", Gate::ForceActive, &[], "app.rs", 1);
        let handlers = by_handler(&[list], WINDOW).unwrap();
        for above in ["", "app", "app::", "app::v1", "app::v1::", "app::v1::list"] {
            assert!(handlers[0].is_under(above), "{above}");
        }
        for other in [
            "ap",
            "app::v",
            "app::v1::li",
            "app::v1::list::x",
            "app::v10",
            "v1",
            ":",
            "::",
        ] {
            assert!(!handlers[0].is_under(other), "{other}");
        }
    }

    #[test]
    fn limits_come_with_their_functions_in_their_order() {
        let all = [
            declared(Gate::ConcurrencyLimit(&SLOTS), &"a")
                .with_key(key)
                .with_response(response),
            declared(Gate::RateLimit(&FIRST), &"a")
                .with_key(key)
                .with_cost(|| cost_function(|_: &RequestParts| 7))
                .with_response(response),
            declared(Gate::RateLimit(&SECOND), &"a"),
            declared(Gate::ForceActive, &"b"),
        ];
        let handlers = by_handler(&all, WINDOW).unwrap();
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
        let told = first
            .functions
            .key
            .as_ref()
            .and_then(|key| key.sync(&request));
        assert_eq!(told, Some(Some(Key::from(1))));
        let cost = first
            .functions
            .cost
            .as_ref()
            .map(|cost| cost.cost(&request));
        assert_eq!(cost, Some(7));
        assert!(first.functions.response.is_some());
        assert_eq!(
            limited
                .limits
                .functions()
                .rate_named(&second.policy.name)
                .map(|_| ()),
            None
        );

        let [slots] = &limited.limits.concurrency[..] else {
            panic!("expected one limit, found {limited:?}");
        };
        assert_eq!(
            slots.policy.meaning(),
            "at most 3 requests at a time, for each key that the code tells"
        );
        assert!(slots.functions.key.is_some() && slots.functions.response.is_some());
    }

    #[test]
    fn a_declaration_by_hand_is_checked() {
        let invalid = refusal(declared(Gate::RateLimit(&WRONG), &"a"), WINDOW);
        assert!(
            invalid.starts_with(
                "invalid handler `app::handler`: `#[rate_limit]` at app.rs:1: invalid rate limit `5/fortnight`"
            ),
            "{invalid}"
        );
    }

    #[test]
    fn a_limit_that_does_not_go_with_the_default_algorithm_is_refused() {
        static LARGE: RateLimit = RateLimit {
            limit: "5000/minute",
            ..RATE
        };
        let large = || declared(Gate::RateLimit(&LARGE), &"a");
        assert!(by_handler(&[large()], WINDOW).is_ok());
        let refused = refusal(large(), Algorithm::MovingWindow);
        assert!(
            refused.contains("`#[rate_limit]` at app.rs:1: ") && refused.contains("moving"),
            "{refused}"
        );
    }

    fn refusal(declaration: Declaration, algorithm: Algorithm) -> String {
        by_handler(&[declaration], algorithm)
            .unwrap_err()
            .to_string()
    }
}
