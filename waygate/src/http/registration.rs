use waygate_core::{
    grammar::KeySource,
    model::{ConcurrencyPolicy, RateLimitPolicy},
};

use super::{ConcurrencyLimitFunctions, RateLimitFunctions, Responses, attached::edit};
use crate::model::Registration;

/// Functions of the application. They are called by the layer of every guarded router and by
/// [`RouteGuard`](crate::RouteGuard), starting with the next request, and are replaced or removed with the
/// registration.
impl Registration {
    /// Sets the responses to blocked requests of this route. They take precedence over
    /// [`Guarded::responses`](crate::Guarded::responses) of the whole application. The response function of a limit
    /// takes precedence over both.
    ///
    /// ```
    /// use waygate::{Blocked, Responses, model::Registration};
    ///
    /// let responses = Responses::new().maintenance(|_: &Blocked| "back at four");
    /// let search = Registration::new("GET:/search".parse()?).responses(responses);
    /// # let _ = search;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn responses(mut self, responses: Responses) -> Self {
        edit(&mut self.attached, |own| own.responses = responses);
        self
    }

    /// Adds a rate limit, as [`rate_limit`](Self::rate_limit) does, with functions. A key function replaces the
    /// policy's key.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, limits::{Key, RateLimitFunctions, RateLimitPolicy}, model::Registration, response::RequestParts};
    ///
    /// /// Requests without a tenant have no key; `on_missing_key` decides how they are handled.
    /// fn tenant(request: &RequestParts) -> Option<Key> {
    ///     Some(request.headers.get("x-tenant")?.as_bytes().into())
    /// }
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let search = Registration::new("GET:/search".parse()?).rate_limit_with(
    ///     RateLimitPolicy::new("100/minute".parse()?)?,
    ///     RateLimitFunctions::new().key(tenant),
    /// );
    /// waygate.register_all([search]).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rate_limit_with(
        mut self,
        mut policy: RateLimitPolicy,
        functions: RateLimitFunctions,
    ) -> Self {
        if functions.key.is_some() {
            policy.key = KeySource::Custom;
        }
        let name = policy.name.clone();
        edit(&mut self.attached, |own| {
            own.limits.add_rate(name, functions)
        });
        self.rate_limit(policy)
    }

    /// Adds a concurrency limit, as [`rate_limit_with`](Self::rate_limit_with) adds a rate limit.
    ///
    /// ```
    /// use waygate::{
    ///     Blocked,
    ///     limits::{ConcurrencyLimitFunctions, ConcurrencyPolicy},
    ///     model::Registration,
    /// };
    ///
    /// let reports = Registration::new("GET:/reports".parse()?).concurrency_limit_with(
    ///     ConcurrencyPolicy::new(10.try_into()?),
    ///     ConcurrencyLimitFunctions::new().response(|_: &Blocked| "one at a time"),
    /// );
    /// # let _ = reports;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn concurrency_limit_with(
        mut self,
        mut policy: ConcurrencyPolicy,
        functions: ConcurrencyLimitFunctions,
    ) -> Self {
        if functions.key.is_some() {
            policy.key = KeySource::Custom;
        }
        let name = policy.name.clone();
        edit(&mut self.attached, |own| {
            own.limits.add_concurrency(name, functions);
        });
        self.concurrency_limit(policy)
    }
}
