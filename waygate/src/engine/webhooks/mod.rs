//! Webhooks. The audit log is the outbox: a change and its event are one commit. A place in the log for each endpoint
//! moves by compare-and-set, so that one process delivers.

mod commands;
mod counts;
mod endpoints;
mod error;
mod hub;
mod job;
mod once;
mod operator;
mod options;
mod outages;
mod progress;
mod queue;
mod records;
mod run;
mod send;
mod thresholds;
mod tls;
mod turn;
mod verify;
mod watch;

pub use commands::Replay;
pub use counts::WebhookCounts;
pub use error::WebhookError;
pub use options::WebhookOptions;
pub use records::{AttemptOutcome, WebhookAttempt, WebhookDelivery, WebhookRecord};
pub use verify::verify;

pub(crate) use endpoints::needed_from;
pub(crate) use hub::{Formatter, Hub};
pub(crate) use options::Declared;
pub(crate) use run::{prepare, run};
pub(crate) use watch::watch;
