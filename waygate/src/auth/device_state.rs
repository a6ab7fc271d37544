use std::{sync::Mutex, time::Duration};

use super::{backoff::Backoff, recent::Recent};

/// The minimum number of users and devices to keep.
const REMEMBERED: usize = 1_000;

/// What this process remembers of device logins.
#[derive(Debug)]
pub(crate) struct DeviceLogins {
    /// Held while a login starts, so that their number is exact.
    pub(super) starting: tokio::sync::Mutex<()>,
    pub(super) guesses: Mutex<Recent<String, Backoff>>,
    /// The earliest next poll of a device, and its interval.
    pub(super) polls: Mutex<Recent<String, (Duration, Duration)>>,
}

impl Default for DeviceLogins {
    fn default() -> Self {
        Self {
            starting: tokio::sync::Mutex::default(),
            guesses: Mutex::new(Recent::new(REMEMBERED)),
            polls: Mutex::new(Recent::new(REMEMBERED)),
        }
    }
}
