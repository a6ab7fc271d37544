//! Reads what the attributes registered, and groups it by handler.

use jiff::Timestamp;
use waygate_core::{
    decl::{Gate, RateLimit},
    grammar::{Algorithm, Interval, Invalid, RouteSpec, parse_cidr},
    model::{Deprecation, Lifecycle, RateLimitPolicy, RecurringWindow, RouteState, Window},
};

use crate::__private::{Declaration, Stamp};
use crate::http::{DeclaredLimits, Responses};

/// The declarations of one handler's attributes.
#[derive(Debug, Clone)]
pub(crate) struct HandlerDeclaration {
    /// `module_path!() + "::" + fn name`.
    pub(crate) handler: &'static str,
    /// The stamp on its operations.
    pub(crate) stamp: Stamp,
    /// The position of the first attribute, as `file:line`.
    pub(crate) location: String,
    /// The routes in `route = ..`.
    pub(crate) routes: Vec<RouteSpec>,
    /// The declared initial state.
    pub(crate) state: RouteState,
    /// The functions of `response = ..`, per attribute.
    pub(crate) responses: Responses,
    /// The declared limits.
    pub(crate) limits: DeclaredLimits,
    /// The flags that gate it.
    #[cfg(feature = "flags")]
    pub(crate) gates: Vec<crate::engine::RouteGate>,
    /// The flag and the stable handler of a canary.
    #[cfg(feature = "flags")]
    pub(crate) canary: Option<(&'static crate::engine::DeclaredFlag, &'static str)>,
}

/// Every declaration that was linked into this program, grouped by handler, in a stable order.
///
/// `algorithm` is used for limits that name none.
///
/// # Errors
/// The declarations that are invalid, or do not fit `algorithm`; the attributes check everything else at compile
/// time. Also two functions with the same identity.
pub(crate) fn declarations(algorithm: Algorithm) -> Result<Vec<HandlerDeclaration>, Vec<Invalid>> {
    by_handler(Declaration::all(), algorithm)
}

fn by_handler<'a>(
    declarations: impl IntoIterator<Item = &'a Declaration>,
    algorithm: Algorithm,
) -> Result<Vec<HandlerDeclaration>, Vec<Invalid>> {
    let mut handlers: Vec<HandlerDeclaration> = Vec::new();
    let mut errors = Vec::new();
    let mut previous = None;
    for declaration in declarations {
        let attribute = Some(declaration.attribute());
        if previous == attribute {
            errors.push(ambiguous(declaration));
            continue;
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
                #[cfg(feature = "flags")]
                gates: Vec::new(),
                #[cfg(feature = "flags")]
                canary: None,
            });
        }
        if let Some(handler) = handlers.last_mut() {
            let added = handler.add(declaration, algorithm);
            errors.extend(added.err().map(|invalid| refused(declaration, &invalid)));
        }
    }
    match errors.is_empty() {
        true => Ok(handlers),
        false => Err(errors),
    }
}

/// The attribute with its position.
fn place(declaration: &Declaration) -> String {
    let Declaration {
        file, line, gate, ..
    } = declaration;
    format!("`#[{}]` at {file}:{line}", gate.attribute())
}

/// Adds the attribute of the invalid declaration.
fn refused(declaration: &Declaration, invalid: &Invalid) -> Invalid {
    let problem = format!("{}: {invalid}", place(declaration));
    Invalid::new("handler", declaration.handler, problem)
}

/// Adds the origin of an unsuitable algorithm, unless the attribute names it.
fn name_default(invalid: Invalid, limit: &RateLimit, algorithm: Algorithm) -> Invalid {
    let built_in = Algorithm::default();
    if limit.algorithm.is_some() || RateLimitPolicy::declared(limit, built_in).is_err() {
        return invalid;
    }
    let problem = format!(
        "{}; {algorithm} comes from `.default_algorithm(..)`: name another one there, or set \
         `algorithm = \"{built_in}\"` in the attribute",
        invalid.problem()
    );
    Invalid::new("rate limit", limit.limit, problem)
}

/// Two functions with equal declarations but different functions.
fn ambiguous(declaration: &Declaration) -> Invalid {
    let problem = format!(
        "two functions of this name cannot be distinguished, and the {} of each differs: rename one of them",
        place(declaration)
    );
    Invalid::new("handler", declaration.handler, problem)
}

impl HandlerDeclaration {
    /// Returns `true` if `path` is the handler's own path, or that of a module above it. Every path is under `""`.
    pub(crate) fn is_under(&self, path: &str) -> bool {
        if path.is_empty() {
            return true;
        }
        let rest = self
            .handler
            .strip_prefix(path.strip_suffix("::").unwrap_or(path));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// Returns `true` if any declaration can refuse a request.
    pub(crate) fn can_refuse(&self) -> bool {
        let passing = RouteState::default()
            .force_active(self.state.force_active)
            .deprecation(self.state.deprecation.clone());
        let limits = &self.limits;
        #[cfg(feature = "flags")]
        if !self.gates.is_empty() {
            return true;
        }
        self.state != passing || !limits.rates.is_empty() || !limits.concurrency.is_empty()
    }

    /// The two handlers of one route.
    #[cfg(feature = "flags")]
    pub(crate) fn canary(&self) -> Option<std::sync::Arc<crate::engine::Canary>> {
        let (flag, stable) = self.canary?;
        let canary = crate::engine::Canary::new(flag, self.handler, stable);
        Some(std::sync::Arc::new(canary))
    }

    fn add(&mut self, declaration: &Declaration, algorithm: Algorithm) -> Result<(), Invalid> {
        match declaration.gate {
            Gate::RateLimit(limit) => {
                let added = self.limits.add_rate(limit, declaration, algorithm);
                added.map_err(|invalid| name_default(invalid, limit, algorithm))?;
            }
            Gate::ConcurrencyLimit(limit) => self.limits.add_concurrency(limit, declaration)?,
            #[cfg(feature = "flags")]
            Gate::FlagGate { status } => {
                let flag = declaration.flag.ok_or_else(|| {
                    Invalid::new(
                        "gate",
                        declaration.handler,
                        "it has no flag: use `#[flag_gate(FLAG)]`",
                    )
                })?;
                self.gates.push(crate::engine::RouteGate::new(flag, status));
            }
            #[cfg(feature = "flags")]
            Gate::Canary { stable } => {
                self.canary = declaration.flag.map(|flag| (flag, stable));
            }
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
            // A declared window next to it must not end it.
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
        Gate::Recurring(declared) => {
            let mut windows = RecurringWindow::builder(declared.every, declared.length)
                .reason(declared.reason.parse()?)
                .except(
                    declared
                        .except
                        .iter()
                        .map(|exception| exception.parse())
                        .collect::<Result<Vec<_>, Invalid>>()?,
                );
            windows.at = declared.at.map(str::to_owned);
            if let Some(day) = declared.from {
                let problem = |_| Invalid::new("day", day, "expected a day such as `2030-01-06`");
                windows = windows.starting(day.parse().map_err(problem)?);
            }
            windows.tz = declared.tz.map(str::parse).transpose()?;
            position.recurring.push(windows.build()?);
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
        // `Gate` is non-exhaustive. A gate without an arm here would leave its route open.
        unknown => {
            return Err(Invalid::new(
                "attribute",
                unknown.attribute(),
                "this version of waygate cannot enforce it; use the same version of all crates of Waygate",
            ));
        }
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
mod tests;
