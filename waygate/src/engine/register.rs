//! Routes that the program registers and unregisters at run time.

use std::sync::Arc;

use waygate_core::{
    Printable,
    grammar::{Invalid, PolicyName, ServiceName},
    model::{ConcurrencyPolicy, LimitKey, LimitScope, RateLimitPolicy, RouteKey, RouteState},
};

use waygate_core::grammar::PathTemplate;

use super::{
    Attached, Inner, Registered, Source, Waygate,
    limits::{check_key, needs_of_caller},
    merge::union,
    register_error::RegisterError,
    snapshot::Snapshot,
    table::Table,
};

/// A route to [register](Waygate::register_all): its initial state, its limits, and (with the feature `axum`)
/// functions for its responses, keys and costs.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{
///     Waygate,
///     limits::{ConcurrencyPolicy, RateLimitPolicy},
///     model::{Registration, RouteState},
/// };
///
/// let waygate = Waygate::builder().build().await?;
/// let search = Registration::new("GET:/search".parse()?)
///     .state(RouteState::default().force_active(true))
///     .rate_limit(RateLimitPolicy::new("100/minute".parse()?)?)
///     .concurrency_limit(ConcurrencyPolicy::new(10.try_into()?));
/// waygate.register_all([search]).await?;
/// assert_eq!(waygate.rate_limits().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a registration does nothing until it is given to `register_all`"]
pub struct Registration {
    key: RouteKey,
    state: RouteState,
    rates: Vec<RateLimitPolicy>,
    concurrency: Vec<ConcurrencyPolicy>,
    pub(crate) attached: Attached,
}

impl Registration {
    /// Creates an active route without limits.
    pub fn new(key: RouteKey) -> Self {
        Self {
            key,
            state: RouteState::default(),
            rates: Vec::new(),
            concurrency: Vec::new(),
            attached: Attached::default(),
        }
    }

    /// Sets the initial state. An operator's changes replace it.
    pub fn state(mut self, state: RouteState) -> Self {
        self.state = state;
        self
    }

    /// Adds a rate limit. Several limits need different names. For a limit with functions for its key, cost or
    /// response, use
    #[cfg_attr(feature = "axum", doc = "[`rate_limit_with`](Self::rate_limit_with).")]
    #[cfg_attr(not(feature = "axum"), doc = "`rate_limit_with` (feature `axum`).")]
    pub fn rate_limit(mut self, policy: RateLimitPolicy) -> Self {
        self.rates.push(policy);
        self
    }

    /// Adds a concurrency limit, as [`rate_limit`](Self::rate_limit) does.
    pub fn concurrency_limit(mut self, policy: ConcurrencyPolicy) -> Self {
        self.concurrency.push(policy);
        self
    }

    /// `own` is the service of this process.
    fn check(
        self,
        own: Option<&ServiceName>,
        has_principal: bool,
    ) -> Result<Registered, RegisterError> {
        let Self {
            key,
            state,
            rates,
            concurrency,
            attached,
        } = self;
        if key.service().is_some() && key.service() == own.map(ServiceName::as_str) {
            return Err(RegisterError::OwnService { key });
        }
        if key.service().is_some() && !attached.is_empty() {
            return Err(RegisterError::OtherService { key });
        }
        let invalid = |invalid| RegisterError::Invalid {
            key: key.clone(),
            invalid,
        };
        let at = |name: &PolicyName| LimitKey::new(LimitScope::Route(key.clone()), name.clone());
        for RateLimitPolicy { name, key, .. } in &rates {
            let has_function = attached.has_rate_key(name);
            check_key(key, &at(name), has_function.then_some(key)).map_err(invalid)?;
        }
        for ConcurrencyPolicy { name, key, .. } in &concurrency {
            let has_function = attached.has_concurrency_key(name);
            check_key(key, &at(name), has_function.then_some(key)).map_err(invalid)?;
        }
        for policy in &rates {
            policy.check().map_err(invalid)?;
        }
        // Processes of another service may have callers.
        if key.service().is_none() && !has_principal {
            let rates = rates.iter().map(|policy| {
                let need = needs_of_caller(&policy.key, !policy.tiers.is_empty());
                ("rate limit", &policy.name, need)
            });
            let concurrency = concurrency.iter().map(|policy| {
                let need = needs_of_caller(&policy.key, false);
                ("concurrency limit", &policy.name, need)
            });
            let mut needy = rates.chain(concurrency);
            if let Some((kind, name, need)) =
                needy.find_map(|(kind, name, need)| Some((kind, name, need?)))
            {
                let name = name.to_string();
                return Err(RegisterError::NoPrincipal {
                    key: key.clone(),
                    kind,
                    name,
                    need,
                });
            }
        }
        check_names(rates.iter().map(|policy| &policy.name)).map_err(invalid)?;
        check_names(concurrency.iter().map(|policy| &policy.name)).map_err(invalid)?;
        Ok(Registered {
            key,
            declared: state,
            limits: rates,
            concurrency,
            attached,
            #[cfg(feature = "flags")]
            gates: Vec::new(),
            #[cfg(feature = "flags")]
            canary: None,
            source: Source::Registered,
        })
    }
}

fn check_names<'a>(names: impl Iterator<Item = &'a PolicyName>) -> Result<(), Invalid> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            let problem = "two limits of the same kind share it; name them differently";
            return Err(Invalid::new("policy name", name.as_str(), problem));
        }
        seen.push(name);
    }
    Ok(())
}

impl From<(RouteKey, RouteState)> for Registration {
    fn from((key, state): (RouteKey, RouteState)) -> Self {
        Self::new(key).state(state)
    }
}

impl Waygate {
    /// Registers a route that is only known at run time, with its initial state. Registering it again replaces that
    /// state and the whole registration. See [`register_all`](Self::register_all) for limits and functions, and for a
    /// route with attributes.
    ///
    /// # Errors
    /// Returns a [`RegisterError`] on failure, in which case nothing is registered.
    pub async fn register(&self, key: RouteKey, declared: RouteState) -> Result<(), RegisterError> {
        self.register_all([(key, declared)]).await
    }

    /// Registers several routes, or none on error. A route with a key of another service (`billing:GET:/x`) is listed,
    /// but does not govern requests of this process.
    ///
    /// On a route that [`guard`](Self::guard) governs, the registration is added to the attributes, in either order. If
    /// both set the same thing to different values, the later of the two calls fails. Two functions are equal if both
    /// are the same `fn`, the same closure without captures, or clones of the same `KeyFunction`, `CostFunction` or
    /// `Responder`.
    ///
    /// A key without a method (`/x`) governs every method of the path, in addition to the routes of single methods: a
    /// request is refused if either route refuses it, and the limits of both count it. If one of the two is
    /// `force_active`, the other one refuses only requests that its code declares as closed.
    ///
    /// Several registrations of one route are merged. A route without a guarded router is accepted, for `RouteGuard`
    /// and other frameworks; the log and the [report](Self::report) name it.
    ///
    /// # Errors
    /// Returns a [`RegisterError`] on failure, in which case nothing is registered. Contradictory registrations of the
    /// same route are also an error.
    pub async fn register_all(
        &self,
        routes: impl IntoIterator<Item = impl Into<Registration>>,
    ) -> Result<(), RegisterError> {
        let (own, has_principal) = (self.inner.service.as_ref(), self.inner.principal.is_some());
        let routes = routes
            .into_iter()
            .map(|route| route.into().check(own, has_principal));
        let mut checked: Vec<Registered> = Vec::new();
        for route in routes {
            let route = route?;
            match checked.iter_mut().find(|known| known.key == route.key) {
                Some(known) => *known = union(known, &route)?,
                None => checked.push(route),
            }
        }
        self.inner.register(checked).await
    }

    /// Removes the registration of a route; returns `false` if there was none. Attributes remain in effect.
    ///
    /// A route that a guarded router serves remains listed. Any other route without attributes is no longer listed, and
    /// commands on it fail. An operator's changes to it become an [orphan](Self::orphans), which applies to requests
    /// while this process runs: a closed route does not open before the orphan is [purged](super::Operator::purge).
    pub async fn unregister(&self, key: &RouteKey) -> bool {
        let inner = &self.inner;
        let stored = inner.stored.lock().await;
        let snapshot = inner.snapshot.load_full();
        let mut table = (*snapshot.table).clone();
        let was_registered = table.unregister(key);
        if was_registered {
            let version = snapshot.version + 1;
            let compiler = inner.compiler();
            inner.publish(Snapshot::build(&stored, Arc::new(table), compiler, version));
        }
        was_registered
    }
}

impl Inner {
    /// Adds all routes to the table, or none on error.
    pub(crate) async fn register(
        &self,
        routes: impl IntoIterator<Item = Registered>,
    ) -> Result<(), RegisterError> {
        let keys = self.add(routes, |_| ()).await?;
        let table = self.snapshot.load().table.clone();
        let unserved = table.unserved();
        warn_of_unserved(unserved.filter(|(key, _)| keys.contains(key)));
        Ok(())
    }

    /// Adds the routes and the other findings of a guarded router.
    pub(crate) async fn register_found(
        &self,
        routes: impl IntoIterator<Item = Registered>,
        found: Found,
    ) -> Result<(), RegisterError> {
        self.add(routes, |table| found.add_to(table)).await?;
        warn_of_unserved(self.snapshot.load().table.unserved());
        Ok(())
    }

    /// Returns the keys of the routes.
    async fn add(
        &self,
        routes: impl IntoIterator<Item = Registered>,
        found: impl FnOnce(&mut Table),
    ) -> Result<Vec<RouteKey>, RegisterError> {
        let stored = self.stored.lock().await;
        let snapshot = self.snapshot.load_full();
        let mut table = (*snapshot.table).clone();
        let mut keys = Vec::new();
        for route in routes {
            keys.push(route.key.clone());
            table.insert(route)?;
        }
        found(&mut table);
        let version = snapshot.version + 1;
        let compiler = self.compiler();
        let snapshot = Snapshot::build(&stored, Arc::new(table), compiler, version);
        self.warn_of_unnamed_environment(&snapshot);
        self.publish(snapshot);
        Ok(keys)
    }
}

fn warn_of_unserved<'a>(routes: impl Iterator<Item = (&'a RouteKey, Option<&'a RouteKey>)>) {
    for (route, nearest) in routes {
        let meant = nearest.map(|nearest| format!("; did you mean `{nearest}`?"));
        tracing::warn!(
            route = %Printable(route),
            "a registered route is not in any guarded router: its gates and limits apply only if its router is nested \
             in one, or if `RouteGuard` or another framework checks it{}",
            Printable(meant.unwrap_or_default())
        );
    }
}

/// What was found in a guarded router, besides its routes.
#[derive(Debug)]
pub(crate) struct Found {
    /// The methods of each path.
    pub(crate) served: Vec<(PathTemplate, super::Served)>,
    /// The routes that a registered route for all methods of a path covers.
    pub(crate) covered: Vec<Registered>,
    /// The paths with one endpoint for all methods, except those with a separate endpoint.
    pub(crate) others: Vec<(PathTemplate, super::MethodSet)>,
    /// The tags of routes in the OpenAPI document.
    pub(crate) tags: Vec<(RouteKey, Vec<String>)>,
}

impl Found {
    fn add_to(self, table: &mut Table) {
        table.serve(self.served);
        for route in self.covered {
            table.cover(route);
        }
        table.add_tags(self.tags);
        for (path, apart) in self.others {
            table.serve_others(path.as_str(), apart);
        }
    }
}
