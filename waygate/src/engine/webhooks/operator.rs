use std::{sync::Arc, time::Duration};

use waygate_core::{
    grammar::PolicyName,
    model::Revision,
    port::{AuditPosition, AuditQuery},
    webhook::{Webhook, WebhookDefinition, WebhookSecret, test_entry},
};

#[cfg(feature = "admin")]
use super::records::WebhookRecord;
use super::{
    commands::{Again, Enable, Replay, Set, What},
    error::WebhookError,
    records::WebhookAttempt,
};
use crate::engine::{ChangeError, Operator};

/// The entries that are read at a time to find a time.
const PAGE: usize = 500;

/// Webhooks.
impl Operator {
    /// Creates a webhook, or replaces it. Without a secret, it gets a new one, or keeps those that it has. Returns the
    /// new secret.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    ///
    /// ```
    /// # async fn create(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// use waygate::webhook::Webhook;
    ///
    /// let ops = Webhook::new("ops", "https://hooks.example.com/waygate").events(["route.*"]);
    /// let secret = waygate.system().set_webhook(ops).await?.expect("it is new");
    /// println!("{}", *secret.expose());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_webhook(
        &self,
        webhook: Webhook,
    ) -> Result<Option<WebhookSecret>, ChangeError> {
        let (name, definition) = webhook.check(&self.waygate.inner.webhooks.sender.egress)?;
        Ok(self.put_webhook(name, definition).await?.1)
    }

    /// The same with a definition, which is checked against what this process may reach.
    pub(crate) async fn put_webhook(
        &self,
        name: PolicyName,
        mut definition: WebhookDefinition,
    ) -> Result<(Revision, Option<WebhookSecret>), ChangeError> {
        let hub = &self.waygate.inner.webhooks;
        definition.check_egress(&hub.sender.egress)?;
        definition.filter.check()?;
        definition.format.check()?;
        let (mut new, mut by) = (None, self.clone());
        if definition.secrets.is_empty()
            && let Ok(known) = self.waygate.webhook(name.as_str()).await
        {
            definition.secrets = known.definition.secrets;
            // A rotation since then must not lose its secret.
            by = by.unless_changed(known.revision.number);
        }
        if definition.secrets.is_empty() {
            let secret = generate()?;
            definition.rotate(
                secret.clone(),
                self.waygate.inner.clock.now(),
                Duration::ZERO,
            );
            new = Some(secret);
        }
        let change = self.set(name.clone(), Some(Arc::new(definition)));
        let revision = by.make(change).await?;
        if !self.is_dry_run() {
            hub.forget_gap(&name);
        }
        Ok((revision, new))
    }

    /// Returns a webhook as the changes of this operator have left it.
    #[cfg(feature = "admin")]
    pub(crate) async fn changed_webhook(&self, name: &str) -> Result<WebhookRecord, ChangeError> {
        match self.copy().await {
            Some(copy) => self.waygate.webhook_of(copy.stored(), name),
            None => self.waygate.webhook(name).await,
        }
    }

    fn set(&self, name: PolicyName, definition: Option<Arc<WebhookDefinition>>) -> Set {
        Set {
            is_declared: self.waygate.inner.webhooks.declared.contains_key(&name),
            name,
            definition,
            enable: true,
        }
    }

    /// Deletes a webhook, with its queue and its dead letters.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub async fn delete_webhook(&self, name: &str) -> Result<(), ChangeError> {
        let name: PolicyName = name.parse()?;
        self.make(self.set(name.clone(), None)).await?;
        if !self.is_dry_run() {
            self.waygate.inner.webhooks.forget(&name);
        }
        Ok(())
    }

    /// Gives a webhook a new secret. The old ones sign as well until `overlap` has passed: usually a day.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    ///
    /// ```
    /// # async fn rotate(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// let day = std::time::Duration::from_secs(24 * 3600);
    /// let secret = waygate.system().rotate_webhook_secret("ops", day).await?;
    /// waygate.system().delete_webhook("old").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn rotate_webhook_secret(
        &self,
        name: &str,
        overlap: Duration,
    ) -> Result<WebhookSecret, ChangeError> {
        let known = self.waygate.webhook(name).await?;
        let mut definition = known.definition;
        let secret = generate()?;
        definition.rotate(secret.clone(), self.waygate.inner.clock.now(), overlap);
        // Two rotations must not lose one of the secrets.
        let by = self.clone().unless_changed(known.revision.number);
        let mut set = self.set(name.parse()?, Some(Arc::new(definition)));
        set.enable = false;
        by.make(set).await?;
        Ok(secret)
    }

    /// Enables a webhook that was disabled because its receiver was gone or failed for too long. It continues where it
    /// stopped.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub async fn enable_webhook(&self, name: &str) -> Result<(), ChangeError> {
        self.enable_endpoint(name, false).await
    }

    /// Takes over a webhook that the code of this service declares, and that of another one did before, such as after
    /// the service was renamed. It continues where the other stopped, which sends nothing any more.
    ///
    /// # Errors
    /// [`ChangeError`], such as for a process without a service; nothing is changed.
    ///
    /// ```
    /// # async fn take_over(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// if waygate.webhook("ops").await?.conflict.is_some() {
    ///     waygate.system().take_over_webhook("ops").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn take_over_webhook(&self, name: &str) -> Result<(), ChangeError> {
        self.enable_endpoint(name, true).await
    }

    async fn enable_endpoint(&self, name: &str, takes_over: bool) -> Result<(), ChangeError> {
        self.waygate.webhook(name).await?;
        let name = name.parse()?;
        let declared = self.waygate.inner.declarer(&name);
        let enable = Enable {
            name,
            declared,
            takes_over,
        };
        self.make(enable).await
    }

    /// Sends a test event now, and returns the attempt. It is not sent again.
    ///
    /// # Errors
    /// There is no such webhook.
    ///
    /// ```
    /// # async fn test(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// let attempt = waygate.system().test_webhook("ops").await?;
    /// println!("{:?} in {} ms", attempt.map(|attempt| attempt.outcome), 12);
    /// waygate.system().enable_webhook("ops").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn test_webhook(&self, name: &str) -> Result<Option<WebhookAttempt>, ChangeError> {
        let known = self.waygate.webhook(name).await?;
        let (inner, name) = (&self.waygate.inner, name.parse()?);
        let now = inner.clock.now();
        let entry = test_entry(&self.by.origin, known.name.as_str(), now);
        let sent = inner
            .webhooks
            .deliver(&name, &known.definition, &entry, 1, now);
        let is_sent = sent.await.is_some();
        let mut attempts = inner.webhooks.attempts(&name).into_iter();
        let id = waygate_core::webhook::event_id(entry.id);
        Ok(attempts
            .find(|attempt| attempt.id == id)
            .filter(|_| is_sent))
    }

    /// Sends events again. Returns their number, as far as it is known.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    ///
    /// ```
    /// # async fn replay(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// let count = waygate.system().replay_webhook("ops", waygate::webhook::Replay::Failed).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn replay_webhook(&self, name: &str, replay: Replay) -> Result<usize, ChangeError> {
        self.waygate.webhook(name).await?;
        let backend = &self.waygate.inner.backend;
        let what = match replay {
            Replay::Failed => What::Failed,
            Replay::One(id) => {
                let known = self.waygate.webhook_delivery_entry(name, id).await?;
                let entry = match known {
                    Some(entry) => Some(entry),
                    None => backend
                        .audit(AuditQuery::newest(1).id(id))
                        .await?
                        .pop()
                        .map(Arc::new),
                };
                What::Entry(entry.ok_or_else(|| WebhookError::NoSuchEvent(id.to_string()))?)
            }
            Replay::Since(since) => {
                let mut place = AuditPosition::end_of(0);
                'pages: loop {
                    let page = backend.audit(AuditQuery::oldest(PAGE).after(place)).await?;
                    for entry in &page {
                        if entry.timestamp >= since {
                            break 'pages;
                        }
                        place = AuditPosition::of(entry);
                    }
                    if page.is_empty() {
                        break;
                    }
                }
                What::Since(place)
            }
        };
        let name = name.parse()?;
        self.make(Again { name, what }).await
    }
}

impl crate::engine::Waygate {
    async fn webhook_delivery_entry(
        &self,
        name: &str,
        id: uuid::Uuid,
    ) -> Result<Option<Arc<waygate_core::model::AuditEntry>>, ChangeError> {
        let (stored, endpoint) = (self.inner.stored.lock().await, name.parse()?);
        let key = crate::engine::kinds::DeliveryKey {
            endpoint,
            entry: id,
        };
        let known = stored.records.webhook_deliveries.get(&key);
        Ok(known.map(|known| known.value.entry.clone()))
    }
}

fn generate() -> Result<WebhookSecret, ChangeError> {
    WebhookSecret::generate().map_err(|error| WebhookError::NoSecret(error.to_string()).into())
}
