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
    /// What `route = ".."` says.
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
    let mut handlers: Vec<HandlerDeclaration> = Vec::new();
    for declaration in Declaration::all() {
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
        if let Some(route) = declaration.route {
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
