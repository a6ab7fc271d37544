use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use waygate_core::{
    grammar::{Invalid, PolicyName},
    webhook::{Egress, Webhook},
};

use super::{
    hub::{Formatter, Hub},
    send::Sender,
};

/// The receivers that webhooks of this process may reach, and the way to them.
///
/// ```
/// use waygate::webhook::{Egress, WebhookOptions};
///
/// let inner = Egress::default().allow_networks(["10.20.0.0/16".parse()?]);
/// let options = WebhookOptions::default().egress(inner).proxy("http://smokescreen.internal:4750");
/// # drop(options);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "options have no effect until they are given to a builder"]
pub struct WebhookOptions {
    egress: Egress,
    proxy: Option<String>,
    ca_file: Option<PathBuf>,
}

/// The URL of a proxy may have a password.
impl fmt::Debug for WebhookOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookOptions")
            .field("egress", &self.egress)
            .field("has_proxy", &self.proxy.is_some())
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

impl WebhookOptions {
    /// Sets what may be reached. Default: `https` on the ports 443 and 8443 of addresses of the internet.
    pub fn egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    /// Sends everything through an HTTP proxy, such as smokescreen. It connects, and so it must have the guard: names
    /// are then not checked here. The proxies in environment variables are not used.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Trusts the certificates in this file of PEM, too: those of your own certification authority, for receivers in your
    /// network. It is read when the first webhook is sent, or at the start if the application declares one.
    ///
    /// ```
    /// use waygate::webhook::WebhookOptions;
    ///
    /// let options = WebhookOptions::default().ca_file("/etc/ssl/internal.pem");
    /// # drop(options);
    /// ```
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }
}

/// The webhooks that an application declares.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) formatters: Vec<(String, Formatter)>,
    pub(crate) options: WebhookOptions,
}

impl Declared {
    pub(crate) fn open(self) -> Result<Hub, Invalid> {
        let mut declared = BTreeMap::new();
        for webhook in self.webhooks {
            let (name, definition) = webhook.check(&self.options.egress)?;
            if declared.contains_key(&name) {
                let problem = "two webhooks have this name; choose another for one of them";
                return Err(Invalid::new("webhook", name.as_str(), problem));
            }
            declared.insert(name, Arc::new(definition));
        }
        let formatters = self.formatters.into_iter().map(|(name, formatter)| {
            let name: PolicyName = name.parse()?;
            // Processes without the formatter would send the same webhook in another form.
            if !declared.contains_key(&name) {
                let problem =
                    "the formatter has no webhook: declare one of this name with `.webhook(..)`";
                return Err(Invalid::new("webhook", name.as_str(), problem));
            }
            Ok((name, formatter))
        });
        let formatters = formatters.collect::<Result<_, Invalid>>()?;
        let WebhookOptions {
            egress,
            proxy,
            ca_file,
        } = self.options;
        let sender = Sender::new(egress, proxy, ca_file);
        if let Some(first) = declared.keys().next() {
            let problem = |problem| Invalid::new("webhook", first.as_str(), problem);
            sender.client().map_err(problem)?;
        }
        Ok(Hub::new(declared, formatters, sender))
    }
}
