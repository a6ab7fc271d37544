use std::sync::{Arc, OnceLock};

use waygate_core::{
    Timestamp,
    decision::RouteRule,
    model::{LimitScope, RouteKey, RouteState},
};

use crate::engine::{
    compiler::Compiler,
    headers::{StateHeaders, announce},
    kinds::closed_route,
    limits::{Limitable, MethodLimits, ScopePolicies},
    stored::Stored,
    table::Table,
};

/// A compiled route.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) rule: RouteRule,
    pub(crate) state: RouteState,
    /// The commit that last changed it; 0 for a declaration.
    pub(crate) revision: u64,
    /// `true` if the declaration in code has changed since an operator changed the route.
    pub(crate) drifted: bool,
    /// The route's own limits, in the order of their declarations; undeclared ones come last.
    pub(crate) own_limits: ScopePolicies,
    /// The limits of single methods, if the route takes all of them.
    pub(crate) method_limits: MethodLimits,
    /// The flags that gate the route.
    #[cfg(feature = "flags")]
    pub(crate) gates: Box<[crate::engine::flags::RouteGate]>,
    /// `true` if it has gates or two handlers.
    #[cfg(feature = "flags")]
    pub(crate) is_flagged: bool,
    /// The time of the route's next scheduled change.
    pub(crate) next_change: Option<Timestamp>,
    /// The headers of a deprecated route.
    pub(crate) announcement: Option<StateHeaders>,
    /// Set after the warning that a role was checked without a source of roles.
    pub(crate) had_no_caller: OnceLock<()>,
}

impl Slot {
    pub(super) fn compile(
        stored: &Stored,
        table: &Table,
        slot: usize,
        compiler: Compiler<'_>,
    ) -> Option<Self> {
        let route = table.route(slot)?;
        let (state, revision, drifted) = match stored.records.routes.get(&route.key) {
            // A route that is now force-active in code can no longer be closed by operators.
            Some(known) if !route.declared.force_active => {
                let drifted = known.value.declared != route.declared;
                (known.value.state.clone(), known.revision, drifted)
            }
            Some(known) => (route.declared.clone(), known.revision, true),
            None => match stored.held(&route.key) {
                Some(revision) if !route.declared.force_active => {
                    (closed_route(&route.declared), revision, false)
                }
                held => (route.declared.clone(), held.unwrap_or(0), false),
            },
        };
        let Compiler { env, now, .. } = compiler;
        let whole = route.key.path().parse::<RouteKey>().ok();
        let compiler = Compiler {
            is_part: route.key.method().is_some()
                && whole.is_some_and(|whole| table.exact(&whole).is_some()),
            ..compiler
        };
        let scope = LimitScope::Route(route.key.clone());
        Some(Self {
            rule: RouteRule::compile(&state, env, now),
            own_limits: ScopePolicies::compile(
                stored,
                &scope,
                &route.limits,
                &route.concurrency,
                compiler,
            )
            .with_functions(&route.attached),
            method_limits: MethodLimits::compile(stored, &route.key, table, compiler),
            #[cfg(feature = "flags")]
            gates: route.gates.clone().into(),
            #[cfg(feature = "flags")]
            is_flagged: !route.gates.is_empty() || route.canary.is_some(),
            next_change: state.position.next_change(now),
            announcement: state
                .deprecation
                .as_ref()
                .map(announce)
                .filter(|headers| !headers.is_empty()),
            had_no_caller: OnceLock::new(),
            state,
            revision,
            drifted,
        })
    }

    /// The route, with the facts that select its limits; its whole path may be force-active.
    pub(super) fn limitable<'a>(&'a self, route: &'a RouteKey, is_forced: bool) -> Limitable<'a> {
        Limitable {
            route,
            own: &self.own_limits,
            of_methods: &self.method_limits,
            is_forced: is_forced || self.rule.is_force_active(),
        }
    }
}

/// The routes, with the facts that select their limits.
pub(super) fn limitable<'a>(
    table: &'a Table,
    routes: &'a [Arc<Slot>],
) -> impl Iterator<Item = Limitable<'a>> {
    let slots = table.iter().zip(routes).enumerate();
    slots.map(|(at, (route, slot))| slot.limitable(&route.key, table.is_forced(at)))
}
