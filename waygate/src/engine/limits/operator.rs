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
    ChangeError, Operator, ResolveError, Waygate,
    engine::{error::route_key, snapshot::Snapshot},
};

/// Rate limits. A [`LimitKey`] names one policy: `GET:/search#default`, `*#default` for the one that holds everywhere,
/// `service:billing#default` for the one of a service.
impl Operator {
    /// Sets a policy, whatever was there. What was consumed is kept: a limit that is raised or lowered neither gives
    /// anybody a fresh start nor locks anybody out. Only a window that began before the new one could have begins anew:
    /// that of an hour ago for a limit per minute, or that of yesterday for a quota per day of the calendar.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_rate_limit(
        &self,
        key: LimitKey,
        policy: RateLimitPolicy,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::Set(Box::new(policy)))
            .await
    }

    /// Goes back to what the code declares, or to no limit where it declares none.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn delete_rate_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::Delete).await
    }

    /// Lets a policy rest: it counts nothing until it is resumed.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn pause_rate_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetEnabled(false))
            .await
    }

    /// Lets a policy go on that was paused.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn resume_rate_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetEnabled(true))
            .await
    }

    /// Lets a policy that only reported refuse from now on; what it has counted counts.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn promote_rate_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetShadow(false))
            .await
    }

    /// Lets a policy only report whom it would refuse.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn shadow_rate_limit(
        &self,
        key: LimitKey,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        self.change_rate_limit(key, LimitCommand::SetShadow(true))
            .await
    }

    /// Begins to count anew for every policy of a scope, in every process.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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

    /// The same for all methods of a path.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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

    /// Forgets what exactly one key has consumed of a policy. `parts` are the values of the policy's key in its order: an
    /// address, a user, an API key, a header's or path parameter's value, or what the function told.
    ///
    /// Counters of this process are forgotten at once; shared ones in the store that holds them. Other processes that count
    /// for themselves are not reached.
    ///
    /// # Errors
    /// [`ChangeError`] when the policy or the key makes no sense, or the store fails.
    pub async fn reset_rate_limit_key(
        &self,
        key: LimitKey,
        parts: &[&str],
    ) -> Result<(), ChangeError> {
        let inner = self.waygate.inner.clone();
        let snapshot = inner.snapshot.load_full();
        let policy = snapshot
            .policy(&key)
            .cloned()
            .ok_or_else(|| ChangeError::from(ResolveError::unlike_any(&key)))?;
        let key = limited_key(&policy.fields.key, parts, inner.limiting.ipv6_prefix)?;
        self.make(KeyReset { policy, key }).await
    }

    /// Runs any command on a policy.
    pub(crate) async fn change_rate_limit(
        &self,
        key: LimitKey,
        command: LimitCommand,
    ) -> Result<Option<LimitRecord>, ChangeError> {
        Ok(self.make(LimitChange { key, command }).await?.0)
    }

    /// Deletes the policy of an operator. Returns whether there was one.
    #[cfg(feature = "admin")]
    pub(crate) async fn remove_rate_limit(&self, key: LimitKey) -> Result<bool, ChangeError> {
        let command = LimitCommand::Delete;
        Ok(self.make(LimitChange { key, command }).await?.1)
    }

    /// A bare path stands for its only method.
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

/// The key that requests with these values have. What is wrong is told without them: they may be secrets.
fn limited_key(source: &KeySource, parts: &[&str], ipv6_prefix: u8) -> Result<LimitedKey, Invalid> {
    let mut key = LimitedKey::default();
    let given = parts.len().to_string();
    let invalid = |problem: String| Invalid::new("number of key values", &given, problem);
    let own = match source {
        KeySource::Custom => {
            let [part] = parts else {
                return Err(invalid("the policy's function returns one".to_owned()));
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
                    .map_err(|_| Invalid::new("value for", "ip", "it is no IP address"))?;
                key.push_ip(client_network(ip, ipv6_prefix));
            }
            part => key.push_part(part, value.as_bytes()),
        }
    }
    Ok(key)
}

impl Waygate {
    /// The policies of one scope, in the order of their checks.
    pub fn rate_limits_of(&self, scope: &LimitScope) -> Vec<LimitRecord> {
        let snapshot = self.inner.snapshot.load();
        let keys = keys_of(&snapshot, scope);
        keys.iter()
            .filter_map(|key| snapshot.limit_record(key))
            .collect()
    }
}
