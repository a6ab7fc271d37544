use waygate_core::{
    grammar::{Invalid, KeyPart, KeySource},
    model::{LimitKey, LimitScope, RateLimitPolicy, RouteKey},
    net::client_network,
};

use super::{
    LimitRecord, LimitedKey,
    command::{KeyReset, LimitChange, LimitCommand, LimitReset},
    replace::audit_path,
};
use crate::{
    ChangeError, Operator, Waygate,
    engine::{error::route_key, snapshot::Snapshot},
};

/// Rate limits. A [`LimitKey`] names one policy: `GET:/search#default`, `*#default` for the global one,
/// `service:billing#default` for that of a service.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{
///     LimitKey, Waygate,
///     limits::{ConcurrencyPolicy, RateLimitPolicy},
///     model::RouteState,
/// };
///
/// let waygate = Waygate::builder().build().await?;
/// waygate.register("GET:/search".parse()?, RouteState::default()).await?;
/// let (system, key) = (waygate.system(), "GET:/search#default".parse::<LimitKey>()?);
///
/// let policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// let limit = system.set_rate_limit(key.clone(), policy).await?;
/// assert_eq!(limit.policy.limit.as_str(), "100/minute");
/// system.shadow_rate_limit(key.clone()).await?;
/// system.promote_rate_limit(key.clone()).await?;
/// system.pause_rate_limit(key.clone()).await?;
/// system.resume_rate_limit(key.clone()).await?;
/// system.reset_rate_limit_key(key.clone(), &["203.0.113.7"]).await?;
/// system.reset_rate_limits(key.scope.clone()).await?;
/// system.reset_rate_limits_of_path("/search").await?;
/// assert!(system.delete_rate_limit(key.clone()).await?);
///
/// let policy = ConcurrencyPolicy::new(10.try_into()?);
/// system.set_concurrency_limit(key.clone(), policy).await?;
/// assert!(system.delete_concurrency_limit(key).await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Operator {
    /// Sets a policy, replacing any earlier one. Consumption is kept: raising or lowering a limit neither resets
    /// clients nor locks them out. Only a window that is older than any window of the new limit could be is reset: a
    /// window from an hour ago for a limit per minute, or yesterday's for a calendar quota per day.
    ///
    /// Returns the updated policy.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_rate_limit(
        &self,
        key: LimitKey,
        policy: RateLimitPolicy,
    ) -> Result<LimitRecord, ChangeError> {
        self.change_rate_limit(key, LimitCommand::Set(Box::new(policy)))
            .await
    }

    /// Restores the declared policy, or removes the limit if none is declared. Returns `false` if no operator had set a
    /// policy under this key.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn delete_rate_limit(&self, key: LimitKey) -> Result<bool, ChangeError> {
        let command = LimitCommand::Delete;
        Ok(self.make(LimitChange { key, command }).await?.1)
    }

    /// Pauses a policy: it counts nothing until it is resumed. Returns the updated policy. Has no effect on a paused
    /// policy.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed. The error is
    /// [`ChangeError::NoSuchLimit`] if there is no such policy.
    pub async fn pause_rate_limit(&self, key: LimitKey) -> Result<LimitRecord, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetEnabled(false))
            .await
    }

    /// Resumes a paused policy. Returns the updated policy. Has no effect on a policy that is not paused.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed. The error is
    /// [`ChangeError::NoSuchLimit`] if there is no such policy.
    pub async fn resume_rate_limit(&self, key: LimitKey) -> Result<LimitRecord, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetEnabled(true))
            .await
    }

    /// Starts enforcing a shadow-mode policy. Counts recorded in shadow mode are kept. Returns the updated policy. Has
    /// no effect on an enforced policy.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed. The error is
    /// [`ChangeError::NoSuchLimit`] if there is no such policy.
    pub async fn promote_rate_limit(&self, key: LimitKey) -> Result<LimitRecord, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetShadow(false))
            .await
    }

    /// Puts a policy into shadow mode: it only reports the requests that it would refuse. Returns the updated policy.
    /// Has no effect on a policy in shadow mode.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed. The error is
    /// [`ChangeError::NoSuchLimit`] if there is no such policy.
    pub async fn shadow_rate_limit(&self, key: LimitKey) -> Result<LimitRecord, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetShadow(true))
            .await
    }

    /// Resets the counters of every policy of a scope, in every process. Does nothing if the scope has no policies.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn reset_rate_limits(&self, scope: LimitScope) -> Result<(), ChangeError> {
        let snapshot = self.waygate.inner.snapshot.load_full();
        let keys = keys_of(&snapshot, &scope);
        let path = match &scope {
            LimitScope::Route(route) => {
                let (_, route) = snapshot.table.resolve_limited(route)?;
                route.to_string()
            }
            LimitScope::Global | LimitScope::Service(_) => audit_path(&scope),
        };
        let keys = match keys.is_empty() {
            false => keys,
            true => self.of_resolved(&snapshot, scope)?,
        };
        self.make(LimitReset { keys, path }).await
    }

    /// Resets the counters of all methods of a path, in every process. Does nothing if they have no policies.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn reset_rate_limits_of_path(&self, path: &str) -> Result<(), ChangeError> {
        let snapshot = self.waygate.inner.snapshot.load_full();
        let route = route_key(path)?;
        let is_of_path = |key: &RouteKey| key.path() == route.path();
        if !snapshot
            .table
            .registered()
            .any(|route| is_of_path(&route.key))
        {
            return Err(snapshot.table.unknown(&route).into());
        }
        let policies = snapshot.all_limits().flat_map(|own| &*own.rates);
        let keys = policies.map(|policy| policy.key.clone());
        let keys = keys.filter(|key| match &key.scope {
            LimitScope::Route(route) => is_of_path(route),
            LimitScope::Global | LimitScope::Service(_) => false,
        });
        let (keys, path) = (keys.collect(), route.path().to_owned());
        self.make(LimitReset { keys, path }).await
    }

    /// Resets the counters of one key of a policy. `parts` are the values of the policy's key in order: an address, a
    /// user, an API key, the value of a header or path parameter, or the result of the key function.
    ///
    /// Resets the counters of this process immediately, and shared counters in their store. Other processes with
    /// their own counters are not affected.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, which is [`ChangeError::NoSuchLimit`] if there is no such policy.
    pub async fn reset_rate_limit_key(
        &self,
        key: LimitKey,
        parts: &[&str],
    ) -> Result<(), ChangeError> {
        let inner = self.waygate.inner.clone();
        let snapshot = inner.snapshot.load_full();
        let key = inner.governed(&snapshot, &key)?;
        let policy = snapshot.policy(&key).cloned();
        let policy = policy.ok_or_else(|| snapshot.no_such_limit(&key))?;
        let key = limited_key(&policy.fields.key, parts, inner.limiting.ipv6_prefix)?;
        self.make(KeyReset { policy, key }).await
    }

    /// Runs a command after which there is a policy.
    pub(crate) async fn change_rate_limit(
        &self,
        key: LimitKey,
        command: LimitCommand,
    ) -> Result<LimitRecord, ChangeError> {
        let subject = key.clone();
        let (left, _) = self.make(LimitChange { key, command }).await?;
        // The route may have been unregistered meanwhile.
        left.ok_or_else(|| self.waygate.inner.snapshot.load().no_such_limit(&subject))
    }

    /// A bare path also names its only method.
    fn of_resolved(
        &self,
        snapshot: &Snapshot,
        scope: LimitScope,
    ) -> Result<Vec<LimitKey>, ChangeError> {
        let LimitScope::Route(route) = &scope else {
            return Ok(Vec::new());
        };
        let (_, route) = snapshot.table.resolve_limited(route)?;
        Ok(keys_of(snapshot, &LimitScope::Route(route)))
    }
}

fn keys_of(snapshot: &Snapshot, scope: &LimitScope) -> Vec<LimitKey> {
    let policies = snapshot.policies_of(scope).iter();
    policies.map(|policy| policy.key.clone()).collect()
}

/// The key of requests with these values. Errors omit them, since they may be secrets.
fn limited_key(source: &KeySource, parts: &[&str], ipv6_prefix: u8) -> Result<LimitedKey, Invalid> {
    let mut key = LimitedKey::default();
    let given = parts.len().to_string();
    let invalid = |problem: String| Invalid::new("number of key values", &given, problem);
    let own = match source {
        KeySource::Custom => {
            let [part] = parts else {
                return Err(invalid("the key function returns one value".to_owned()));
            };
            key.push_custom(part.as_bytes());
            return Ok(key);
        }
        KeySource::Parts(own) => own,
    };
    let wanted = own.iter().filter(|part| !matches!(part, KeyPart::Global));
    if wanted.clone().count() != parts.len() {
        return Err(invalid(format!("expected a value for each of `{source}`")));
    }
    for (part, value) in wanted.zip(parts) {
        match part {
            KeyPart::Ip => {
                let ip = value
                    .parse()
                    .map_err(|_| Invalid::new("value for", "ip", "not a valid IP address"))?;
                key.push_ip(client_network(ip, ipv6_prefix));
            }
            part => key.push_part(part, value.as_bytes()),
        }
    }
    Ok(key)
}

impl Waygate {
    /// Returns the policies of one scope, in the order in which they are checked.
    pub fn rate_limits_of(&self, scope: &LimitScope) -> Vec<LimitRecord> {
        let snapshot = self.inner.snapshot.load();
        let keys = keys_of(&snapshot, scope);
        keys.iter()
            .filter_map(|key| snapshot.limit_record(key))
            .collect()
    }
}
