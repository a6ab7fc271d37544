use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes of a device login (RFC 8628 section 3.2).
///
/// ```
/// use waygate_core::view::DeviceLogin;
///
/// let codes: DeviceLogin = serde_json::from_str(
///     r#"{
///         "device_code": "wgd_x", "user_code": "WDJB-MJHT", "expires_in": 600, "interval": 5,
///         "verification_uri": "https://ops.example/device",
///         "verification_uri_complete": "https://ops.example/device?user_code=WDJB-MJHT"
///     }"#,
/// )?;
/// assert_eq!(codes.user_code, "WDJB-MJHT");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceLogin {
    /// The secret of the device, with which it polls.
    #[cfg_attr(feature = "schema", schema(format = Password))]
    pub device_code: String,
    /// The code that the device shows.
    #[cfg_attr(feature = "schema", schema(example = "WDJB-MJHT"))]
    pub user_code: String,
    /// The page where a user enters the code.
    pub verification_uri: String,
    /// The same page, with the code.
    pub verification_uri_complete: String,
    /// The seconds until the codes expire.
    pub expires_in: u64,
    /// The least number of seconds between two polls.
    pub interval: u64,
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// The token of a device (RFC 6749 section 5.1). It is shown only once.
///
/// ```
/// use waygate_core::view::DeviceToken;
///
/// let token: DeviceToken = serde_json::from_str(
///     r#"{
///         "access_token": "wg_x", "token_type": "Bearer", "expires_in": 86400,
///         "username": "alice", "expires_at": "2030-01-02T00:00:00+00:00"
///     }"#,
/// )?;
/// assert_eq!(token.username, "alice");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceToken {
    /// The token.
    #[cfg_attr(feature = "schema", schema(format = Password))]
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// The seconds until the token expires.
    pub expires_in: u64,
    /// The user who approved the device.
    pub username: String,
    /// The time when the token expires.
    #[cfg_attr(feature = "schema", schema(format = DateTime))]
    pub expires_at: String,
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceToken")
            .field("username", &self.username)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
