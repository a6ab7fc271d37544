use serde::{Deserialize, Serialize};

use super::TraceParent;

/// The author of a change, and the platform.
///
/// ```
/// use waygate_core::model::Origin;
///
/// let alice = Origin::new("alice", "cli");
/// assert_eq!(alice.actor, "alice");
/// assert_ne!(alice, Origin::system());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The user, or `system`, `scheduler`, `anonymous`.
    pub actor: String,
    /// `cli`, `dashboard`, `sdk`, `system`, …
    pub platform: String,
    /// The trace in which the change is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
}

impl Origin {
    /// `actor`, acting through `platform`.
    pub fn new(actor: impl Into<String>, platform: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            platform: platform.into(),
            traceparent: None,
        }
    }

    /// Sets the trace in which the change is made, such as that of a deployment. It is written to the audit log and
    /// sent with webhooks.
    ///
    /// ```
    /// use waygate_core::model::Origin;
    ///
    /// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
    /// let pipeline = Origin::new("deploy", "sdk").in_trace(parent);
    /// assert_eq!(pipeline.traceparent, Some(parent));
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    #[must_use]
    pub fn in_trace(mut self, parent: TraceParent) -> Self {
        self.traceparent = Some(parent);
        self
    }

    /// The application itself.
    pub fn system() -> Self {
        Self::new("system", "system")
    }

    /// The scheduler: a window started or ended, or a temporary disable expired.
    pub fn scheduler() -> Self {
        Self::new("scheduler", "system")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_the_contract() {
        let of = |origin: Origin| (origin.actor, origin.platform);
        assert_eq!(of(Origin::system()), ("system".into(), "system".into()));
        assert_eq!(
            of(Origin::scheduler()),
            ("scheduler".into(), "system".into())
        );
        assert_eq!(of(Origin::new("ada", "cli")), ("ada".into(), "cli".into()));
    }
}
