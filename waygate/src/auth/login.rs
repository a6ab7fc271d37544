use std::{net::IpAddr, time::Duration};

use waygate_core::{
    Printable, Secret,
    model::{Action, Origin},
    port::Batch,
    view::{Platform, Rights, TokenScope},
};

use super::{
    account::check_name,
    accounts::Accounts,
    authenticator::Authenticator,
    external::{External, Undecided},
    known::is_known,
    network::network_of,
    token::Record,
    verifier::{Busy, Caller},
};
use crate::rest::{Problem, ProblemKind};

/// A password, and the client that sent it.
#[derive(Debug)]
pub(crate) struct LoginAttempt {
    pub(crate) username: String,
    pub(crate) password: Secret<String>,
    pub(crate) platform: Platform,
    pub(crate) address: Option<IpAddr>,
    /// The lifetime of the token.
    pub(crate) lifetime: Duration,
}

impl Authenticator {
    /// Exchanges a password for a token.
    ///
    /// # Errors
    /// 401 if the password is wrong, 429 and 503 after too many attempts, 501 without credentials.
    pub(crate) async fn log_in(
        &self,
        attempt: LoginAttempt,
    ) -> Result<(Secret<String>, Record), Problem> {
        let outcome = self.try_log_in(attempt).await;
        let result = match outcome.as_ref().map_err(Problem::kind) {
            Ok(_) => "accepted",
            Err(ProblemKind::InvalidCredentials) => "refused",
            Err(ProblemKind::TooManyAttempts) => "throttled",
            Err(_) => "failed",
        };
        self.waygate.inner.observed.note_login(result);
        outcome
    }

    async fn try_log_in(&self, attempt: LoginAttempt) -> Result<(Secret<String>, Record), Problem> {
        let LoginAttempt {
            username,
            password,
            platform,
            address,
            lifetime,
        } = attempt;
        let accounts = self.accounts()?;
        // No account has an invalid name, and such a name belongs neither in a log nor in memory.
        let is_name = check_name("user name", &username).is_ok();
        let account = if is_name { username.as_str() } else { "" };
        let network = network_of(address);
        let known = is_known(
            &self.waygate.inner.snapshot.load().records.logins,
            account,
            network,
        );
        let attempt = self.throttle.begin(account, network, known);
        let attempt = attempt.map_err(|wait| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let text = format!("Too many login attempts. Try again in {seconds} s.");
            Problem::new(ProblemKind::TooManyAttempts, text).retry_after(seconds)
        })?;
        if !is_name {
            return Err(wrong());
        }
        let external = self.external().filter(|_| !accounts.contains(account));
        let checked = match external {
            Some(external) => by_application(external, account, &password).await,
            None => {
                self.by_hash(&accounts, account, attempt.caller, password)
                    .await
            }
        };
        let rights = match checked {
            Ok(rights) => rights,
            Err(problem) => {
                self.throttle.abandoned(attempt);
                return Err(problem);
            }
        };
        let from = address.map(|address| format!("from {address}"));
        let from = from.unwrap_or_default();
        let Some(Rights { role, services, .. }) = rights else {
            // A mistyped name may be a password, so only existing names are logged.
            let exists = accounts.contains(account);
            let user = if exists { username.as_str() } else { "?" };
            self.log_refusal(user, platform, from).await;
            return Err(wrong());
        };
        self.throttle.succeeded(attempt);
        let created_at = self.waygate.inner.clock.now();
        let record = Record {
            name: None,
            platform,
            scopes: match platform {
                Platform::Cli => role.scopes(),
                Platform::Sdk => [TokenScope::Read].into(),
            },
            services,
            created_at,
            expires_at: created_at.saturating_add(lifetime).unwrap_or(created_at),
            is_external: external.is_some(),
            last_used_at: None,
            binding: None,
            username,
        };
        let origin = Origin::new(&record.username, platform.as_str());
        self.issue(record, Action::Login, &origin, from, Some(network), None)
            .await
            .map_err(hidden)
    }

    /// Compares a password with the hash of a user, or with that of another one if there is no such user. `None` if it
    /// is wrong.
    async fn by_hash(
        &self,
        accounts: &Accounts,
        account: &str,
        caller: Caller,
        password: Secret<String>,
    ) -> Result<Option<Rights>, Problem> {
        let (hash, exists) = accounts.hash_for(account);
        let Some(hash) = hash else {
            return Ok(None);
        };
        let check = self.verifier.verify(caller, hash.clone(), password);
        match check.await {
            Ok(matches) => {
                let rights = accounts.rights(account).filter(|_| matches && exists);
                Ok(rights.cloned())
            }
            Err(Busy) => {
                let text = "Too many logins at a time. Try again in a second.";
                Err(Problem::new(ProblemKind::Unavailable, text).retry_after(1))
            }
        }
    }

    /// Adds a refused login to the audit log, up to the number that clients without a token may cause.
    async fn log_refusal(&self, user: &str, platform: Platform, from: String) {
        tracing::warn!(user = ?Printable(user), from = ?Printable(&from), "a login was refused");
        if !self.throttle.may_audit() {
            return;
        }
        let origin = Origin::new("anonymous", platform.as_str());
        let batch = Batch::new().audit(self.line(Action::LoginRefused, &origin, user, from));
        if let Err(error) = self.write(batch).await {
            tracing::warn!(error = %Printable(error), "a refused login could not be written to the audit log");
        }
    }
}

/// Has the application check a password. `None` if it is wrong.
async fn by_application(
    external: &External,
    account: &str,
    password: &Secret<String>,
) -> Result<Option<Rights>, Problem> {
    let checked = external.log_in(account, password).await;
    checked.map_err(|Undecided| {
        let text = "The password cannot be checked now; the log of the server says why.";
        Problem::new(ProblemKind::Unavailable, text).retry_after(5)
    })
}

fn wrong() -> Problem {
    Problem::new(ProblemKind::InvalidCredentials, "Invalid credentials")
        .header(http::header::WWW_AUTHENTICATE, "Bearer realm=\"waygate\"")
}

/// Hides the error of the store from clients without a token.
pub(super) fn hidden(problem: Problem) -> Problem {
    match problem.kind() {
        ProblemKind::Unavailable => Problem::new(
            problem.kind(),
            "No login can be stored now; the health of the service says why.",
        )
        .retry_after(5),
        kind => Problem::new(kind, "The store takes no writes."),
    }
}
