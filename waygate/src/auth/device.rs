//! Device logins (RFC 8628): a device shows a code, and a user who is logged in elsewhere approves it.
//!
//! The codes are in the store as hashes, so that a device may poll another process than the one that approves.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::time::timeout;
use waygate_core::{
    Printable, Secret, StrictJson,
    model::{Action, Origin},
    port::{Batch, Expected},
    view::Platform,
};

use super::{
    authenticator::Authenticator,
    backoff::Pace,
    codes::{self, Decision, LIFETIME, Pending},
    issue::Consumed,
    login::hidden,
    network::network_of,
    principal::Principal,
    token::{Record, Token},
};
use crate::{
    engine::{Opaque, Versioned},
    rest::{Problem, ProblemKind},
};

/// The most undecided logins, of all networks and of one. Of decided ones, the first are deleted above it.
const MOST: usize = 100;
const MOST_OF_A_NETWORK: usize = 5;
/// The longest wait of a start for those before it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The seconds between two polls of a device.
pub(crate) const INTERVAL: u64 = 5;
/// The time in which another process may not know a code yet.
const SPREADS: i64 = 10;
/// Wrong user codes of one user.
const GUESSES: Pace = Pace {
    free: 5,
    longest: Duration::from_secs(300),
};
/// The codes of a new device login.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) device_code: Secret<String>,
    /// With a hyphen.
    pub(crate) user_code: String,
}

/// A stored login.
struct Found {
    hash: Box<str>,
    revision: u64,
    pending: Pending,
}

impl Found {
    /// `None` if the record cannot be read.
    fn read(hash: &str, entity: &Versioned<Opaque>) -> Option<Self> {
        let value = StrictJson((&entity.value).into());
        Some(Self {
            hash: hash.into(),
            revision: entity.revision,
            pending: Pending::deserialize(value).ok()?,
        })
    }
}

impl Authenticator {
    /// Starts a device login.
    ///
    /// # Errors
    /// 429 if too many wait already, 501 without credentials.
    pub(crate) async fn start_device(&self, address: Option<IpAddr>) -> Result<Started, Problem> {
        self.accounts()?;
        let starting = timeout(PATIENCE, self.devices.starting.lock());
        let _starting = starting.await.map_err(|_| busy())?;
        let now = self.waygate.inner.clock.now();
        let network = network_of(address).map(|network| network.to_string());
        let (known, expired): (Vec<_>, Vec<_>) = self
            .device_logins()
            .into_iter()
            .partition(|it| it.pending.expires_at > now);
        let (undecided, mut decided): (Vec<_>, Vec<_>) =
            known.iter().partition(|it| it.pending.decision.is_none());
        // Without an address, all clients would be one network.
        let is_near = |it: &&Found| network.is_some() && it.pending.network == network;
        let near = undecided.iter().copied().filter(is_near).count();
        if undecided.len() >= MOST || near >= MOST_OF_A_NETWORK {
            let text = "Too many devices wait for an approval. Try again later.";
            return Err(Problem::new(ProblemKind::TooManyAttempts, text).retry_after(60));
        }
        let device_code = codes::device_code(now).map_err(no_code)?;
        let mut user_code = codes::user_code().map_err(no_code)?;
        while known.iter().any(|it| it.pending.has(&user_code)) {
            user_code = codes::user_code().map_err(no_code)?;
        }
        let pending = Pending {
            user_code: codes::hash(&user_code),
            expires_at: now.saturating_add(LIFETIME).unwrap_or(now),
            network,
            decision: None,
        };
        let entity = codes::entity(&codes::hash(device_code.expose()));
        let mut batch = Batch::new()
            .expect(entity.clone(), Expected::Absent)
            .put(entity, serde_json::to_value(&pending).unwrap_or_default());
        // Devices that have not read their decisions yet.
        decided.sort_by_key(|it| std::cmp::Reverse(it.pending.expires_at));
        let deleted = expired.iter().chain(decided.into_iter().skip(MOST));
        batch.deletes = deleted.map(|it| codes::entity(&it.hash)).collect();
        let written = self.write(batch).await;
        written.map_err(|error| hidden(error.into()))?;
        Ok(Started {
            device_code,
            user_code: codes::shown(&user_code),
        })
    }

    /// Approves or denies a device login, on behalf of a user who is logged in.
    ///
    /// # Errors
    /// 403 for the token of a program, 404 for a wrong code, 429 after too many of them.
    pub(crate) async fn decide_device(
        &self,
        principal: &Principal,
        typed: &str,
        approve: bool,
    ) -> Result<(), Problem> {
        self.accounts()?;
        let token = principal
            .token
            .and_then(|id| self.tokens().get(id).cloned());
        let binding = token
            .filter(|token| token.record.name.is_none() && token.record.platform == Platform::Cli)
            .filter(|token| token.record.binding.is_some() || token.record.is_external)
            .map(|token| (token.record.binding, token.hash.id()));
        let Some((binding, approver)) = binding else {
            let text =
                "Only a user who is logged in can approve a device, and no token of a program.";
            return Err(Problem::new(ProblemKind::InsufficientScope, text));
        };
        let user = &principal.username;
        self.admit_guess(user)?;
        let now = self.waygate.inner.clock.now();
        let code = codes::read(typed);
        let mut logins = self.device_logins().into_iter();
        let found = code.and_then(|code| {
            logins.find(|it| {
                it.pending.has(&code)
                    && it.pending.expires_at > now
                    && it.pending.decision.is_none()
            })
        });
        let Some(mut found) = found else {
            let text = "There is no such code, or it has expired. Compare it with the device.";
            return Err(Problem::new(ProblemKind::NotFound, text));
        };
        self.take_back_guess(user);
        let (action, decision) = match approve {
            true => (
                "device_approved",
                Decision::Approved {
                    username: user.clone(),
                    scopes: principal.scopes.clone(),
                    services: principal.services.clone(),
                    binding,
                    approved_by: approver.to_string().into(),
                },
            ),
            false => ("device_denied", Decision::Denied),
        };
        found.pending.decision = Some(decision);
        let from = found.pending.network.as_ref();
        let from = from.map_or(String::new(), |network| format!("from {network}"));
        let entity = codes::entity(&found.hash);
        let line = self.line(Action::from(action), &principal.origin, user, from);
        let batch = Batch::new()
            .expect(entity.clone(), Expected::Revision(found.revision))
            .put(
                entity,
                serde_json::to_value(&found.pending).unwrap_or_default(),
            )
            .audit(line);
        Ok(self.write(batch).await?)
    }

    /// Exchanges a device code for a token, once a user has approved it.
    ///
    /// # Errors
    /// 400 with an error of RFC 8628 section 3.5.
    pub(crate) async fn poll_device(
        &self,
        device_code: &str,
        lifetime: Duration,
    ) -> Result<(Secret<String>, Record), Problem> {
        self.accounts()?;
        let now = self.waygate.inner.clock.now();
        let hash = codes::hash(device_code);
        let Some(found) = self.device_login(&hash) else {
            // The record of a login that was polled before is gone.
            if lock(&self.devices.polls).get(&hash).is_some() {
                return Err(expired());
            }
            let age =
                codes::made_at(device_code).and_then(|second| now.as_second().checked_sub(second));
            // The clocks of processes differ a little.
            let is_new = age.is_some_and(|age| (-SPREADS..=SPREADS).contains(&age));
            return Err(if is_new { pending() } else { expired() });
        };
        if found.pending.expires_at <= now {
            return Err(expired());
        }
        self.pace(&hash)?;
        match found.pending.decision.clone() {
            None => Err(pending()),
            Some(Decision::Denied) => Err(denied()),
            Some(Decision::Approved {
                username,
                scopes,
                services,
                binding,
                approved_by,
            }) => {
                // The login of the approval may have ended since.
                let approver = self.tokens().by_name(&approved_by).ok_or_else(denied)?;
                let approver = self.if_valid(approver).await.ok_or_else(denied)?;
                let end = now.saturating_add(lifetime).unwrap_or(now);
                let record = Record {
                    name: None,
                    username,
                    platform: Platform::Cli,
                    scopes,
                    services,
                    created_at: now,
                    // Otherwise, one login could be renewed by the next without end.
                    expires_at: end.min(approver.record.expires_at),
                    is_external: binding.is_none(),
                    last_used_at: None,
                    binding,
                };
                self.exchange(found, record, &approver).await
            }
        }
    }

    async fn exchange(
        &self,
        found: Found,
        record: Record,
        approver: &Token,
    ) -> Result<(Secret<String>, Record), Problem> {
        // The user may be gone, or have another password since.
        let accounts = self.accounts()?;
        let holds = match record.is_external {
            true => self.external().is_some(),
            false => self.bindings.hold(&accounts, &record).await,
        };
        if !holds {
            return Err(denied());
        }
        let from = found.pending.network;
        let reason = from.map_or("a device".to_owned(), |it| format!("a device from {it}"));
        let origin = Origin::new(&record.username, record.platform.as_str());
        let consumed = Consumed {
            entity: codes::entity(&found.hash),
            revision: found.revision,
            needs: (approver.hash.entity(), approver.revision),
        };
        let issue = self.issue(record, Action::Login, &origin, reason, None, Some(consumed));
        issue.await.map_err(|problem| match problem.kind() {
            // Another poll was first, or the record of the approver has changed. The next poll distinguishes them.
            ProblemKind::Conflict => pending(),
            _ => hidden(problem),
        })
    }

    /// All stored device logins that can be read.
    fn device_logins(&self) -> Vec<Found> {
        let snapshot = self.waygate.inner.snapshot.load();
        let stored = snapshot.records.devices.iter();
        let found = stored.filter_map(|(hash, entity)| Found::read(hash, entity));
        found.collect()
    }

    /// The stored login of a device.
    fn device_login(&self, hash: &str) -> Option<Found> {
        let snapshot = self.waygate.inner.snapshot.load();
        let hash: Box<str> = hash.into();
        Found::read(&hash, snapshot.records.devices.get(&hash)?)
    }

    /// Counts an attempt of a user to name a code as wrong, until it is right.
    fn admit_guess(&self, user: &str) -> Result<(), Problem> {
        let now = self.waygate.inner.clock.monotonic();
        let mut guesses = lock(&self.devices.guesses);
        let mut backoff = guesses.get(user).copied().unwrap_or_default();
        let wait = backoff.wait(now);
        if !wait.is_zero() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let text = format!("Too many wrong codes. Try again in {seconds} s.");
            return Err(Problem::new(ProblemKind::TooManyAttempts, text).retry_after(seconds));
        }
        backoff.fail(now, GUESSES);
        guesses.insert(user.to_owned(), backoff);
        Ok(())
    }

    /// Takes back the failure that `admit_guess` has counted. Earlier ones stay: a user could else start a device now and
    /// then to guess the codes of others without a delay.
    fn take_back_guess(&self, user: &str) {
        let mut guesses = lock(&self.devices.guesses);
        if let Some(mut backoff) = guesses.get(user).copied() {
            backoff.take_back(GUESSES);
            guesses.insert(user.to_owned(), backoff);
        }
    }

    /// Refuses a poll that comes too early, and makes the interval longer (RFC 8628 section 3.5).
    fn pace(&self, hash: &str) -> Result<(), Problem> {
        let now = self.waygate.inner.clock.monotonic();
        let step = Duration::from_secs(INTERVAL);
        let mut polls = lock(&self.devices.polls);
        let (next, interval) = polls.get(hash).copied().unwrap_or((now, step));
        let is_early = now < next;
        let interval = if is_early { interval + step } else { interval };
        polls.insert(hash.to_owned(), (now.saturating_add(interval), interval));
        match is_early {
            true => {
                let text = format!("The device polls too often; wait {} s.", interval.as_secs());
                Err(problem("slow_down", text))
            }
            false => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error of RFC 8628 is the `error` of the problem.
fn problem(error: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::DeviceLogin, error).detail(detail)
}

fn pending() -> Problem {
    problem(
        "authorization_pending",
        "No user has approved the device yet.",
    )
}

fn expired() -> Problem {
    problem(
        "expired_token",
        "The code has expired, or was used. Start again.",
    )
}

fn denied() -> Problem {
    problem("access_denied", "The user has denied the device.")
}

fn busy() -> Problem {
    let text = "Too many devices start at a time. Try again in a second.";
    Problem::new(ProblemKind::Unavailable, text).retry_after(1)
}

fn no_code(error: getrandom::Error) -> Problem {
    tracing::error!(error = %Printable(error), "cannot create a code for a device");
    let text = "Codes cannot be created at the moment.";
    Problem::new(ProblemKind::Unavailable, text).retry_after(5)
}
