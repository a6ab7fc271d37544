use waygate_core::{
    model::AuditEntry,
    webhook::{Message, Webhook},
};

use super::WaygateBuilder;
use crate::engine::webhooks::{Formatter, WebhookOptions};

/// Webhooks.
impl WaygateBuilder {
    /// Sends events to an endpoint. Checked by `build`.
    ///
    /// ```
    /// use waygate::{Waygate, webhook::Webhook};
    ///
    /// let ops = Webhook::new("ops", "https://hooks.example.com/waygate")
    ///     .events(["route.*", "global.*"])
    ///     .secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    /// let builder = Waygate::builder().webhook(ops);
    /// ```
    pub fn webhook(mut self, webhook: Webhook) -> Self {
        self.webhooks.webhooks.push(webhook);
        self
    }

    /// Sets what webhooks may reach.
    ///
    /// ```
    /// use waygate::{Waygate, webhook::{Egress, WebhookOptions}};
    ///
    /// let inner = Egress::default().allow_networks(["10.20.0.0/16".parse()?]);
    /// let builder = Waygate::builder().webhook_options(WebhookOptions::default().egress(inner));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn webhook_options(mut self, options: WebhookOptions) -> Self {
        self.webhooks.options = options;
        self
    }

    /// Sets the function that makes the bodies for the webhook of this name, instead of its format. `None` sends nothing.
    /// An event that it fails for, or panics for, becomes a dead letter.
    ///
    /// ```
    /// use waygate::{Waygate, webhook::Message};
    ///
    /// let builder = Waygate::builder().webhook_formatter("pager", |entry| {
    ///     let body = format!("{} {}", entry.action, entry.path);
    ///     Ok(Some(Message::new("text/plain", body.into_bytes())))
    /// });
    /// ```
    pub fn webhook_formatter(
        mut self,
        webhook: impl Into<String>,
        format: impl Fn(&AuditEntry) -> Result<Option<Message>, String> + Send + Sync + 'static,
    ) -> Self {
        let formatter = Formatter::new(format);
        self.webhooks.formatters.push((webhook.into(), formatter));
        self
    }
}
