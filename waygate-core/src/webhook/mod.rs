//! Webhooks: signed messages about changes, after [Standard Webhooks](https://www.standardwebhooks.com) 1.0.0.
//!
//! Everything here is a pure function: which event an entry of the audit log is, which endpoint gets it, its body and
//! its signature, when it is sent again, and which addresses may be reached.

mod endpoint;
mod event;
mod event_type;
mod filter;
mod format;
mod headers;
mod ranges;
mod retry;
mod secret;
mod signature;
mod target;

pub use endpoint::{StoredSecret, Webhook, WebhookDefinition};
pub use event::{MAX_BODY, WebhookEvent, event_id, test_entry};
pub use event_type::EventType;
pub use filter::{EventFilter, EventPattern};
pub use format::{Message, WebhookFormat};
pub use headers::WebhookHeaders;
pub use retry::{
    DISABLE_AFTER, MAX_RETRY_AFTER, RETRY_PAUSES, THROTTLE, Verdict, pause_after, retry_after,
};
pub use secret::WebhookSecret;
pub use signature::{
    ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, TOLERANCE, VerifyError, sign, verify,
};
pub use target::{Egress, TargetUrl};
/// A string that is erased when it is dropped.
pub use zeroize::Zeroizing;
