//! Device logins (RFC 8628).

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::format_wire,
    view::{DeviceLogin, DeviceToken, Done, Platform},
};

use crate::{
    admin::{
        form::{FormBody, invalid},
        responses::{NoCredentials, NotFound, TooManyAttempts, Write, WriteWithoutToken},
        state::AdminState,
    },
    auth::{DEVICE_INTERVAL, DEVICE_LIFETIME, Principal},
    client::ClientAddr,
    rest::{JsonBody, Problem, ProblemKind, Reply, RequestBody, SMALL, done},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(poll))
        .routes(routes!(approve))
}

/// The request of a device. Both fields are for clients that have to send them, and have no effect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceRequest {
    /// Any name.
    #[serde(rename = "client_id")]
    #[schema(nullable = false)]
    _client_id: Option<String>,
    /// The token has the scopes of the user who approves the device.
    #[serde(rename = "scope")]
    #[schema(nullable = false)]
    _scope: Option<String>,
}

impl RequestBody for DeviceRequest {
    const MAX_BYTES: usize = SMALL;
}

/// Starts the login of a device, such as a terminal without a browser.
///
/// The device shows the user code. A user who is logged in approves it, and the device polls for its token. The request is
/// a form, as RFC 8628 says, or JSON.
#[utoipa::path(
    post,
    path = "/api/auth/device",
    operation_id = "start_device_login",
    tag = "auth",
    request_body(content(
        (Option<DeviceRequest> = "application/json"),
        (DeviceRequest = "application/x-www-form-urlencoded")
    )),
    responses(
        (status = OK, description = "The codes.", body = DeviceLogin),
        WriteWithoutToken,
        TooManyAttempts,
        NoCredentials
    ),
    security(())
)]
async fn start(
    State(state): State<Arc<AdminState>>,
    ClientAddr(address): ClientAddr,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    FormBody {
        body: DeviceRequest { .. },
        ..
    }: FormBody<DeviceRequest>,
) -> Result<Reply<DeviceLogin>, Problem> {
    let started = state.auth.start_device(address).await?;
    let verification_uri = match state.verification_uri() {
        Some(uri) => uri.to_owned(),
        None => here(&uri, &headers),
    };
    let complete = format!("{verification_uri}?user_code={}", started.user_code);
    Ok(Reply::ok(DeviceLogin {
        device_code: started.device_code.expose().clone(),
        user_code: started.user_code,
        verification_uri_complete: complete,
        verification_uri,
        expires_in: DEVICE_LIFETIME.as_secs(),
        interval: DEVICE_INTERVAL,
    }))
}

/// The page `device` of the admin API, at the address by which the device knows it.
fn here(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(host);
    let host = host.unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // The scheme is only known if the application sets the address.
    let scheme = match name {
        "localhost" | "127.0.0.1" | "[::1]" => "http",
        _ => "https",
    };
    let prefix = uri
        .path()
        .strip_suffix("/api/auth/device")
        .unwrap_or_default();
    format!("{scheme}://{host}{prefix}/device")
}

/// The grant of RFC 8628.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The code of a device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceTokenRequest {
    /// `urn:ietf:params:oauth:grant-type:device_code`. Required in a form.
    #[schema(nullable = false)]
    grant_type: Option<String>,
    /// Any name.
    #[serde(rename = "client_id")]
    #[schema(nullable = false)]
    _client_id: Option<String>,
    /// The device code from `POST /api/auth/device`.
    #[schema(format = Password)]
    device_code: String,
}

impl RequestBody for DeviceTokenRequest {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
}

impl FormBody<DeviceTokenRequest> {
    /// The device code, if the grant is that of devices.
    fn code(self) -> Result<String, Problem> {
        match self.body.grant_type.as_deref() {
            Some(GRANT) => Ok(self.body.device_code),
            None if !self.is_form => Ok(self.body.device_code),
            None => Err(invalid(format!(
                "`grant_type` is missing; expected `{GRANT}`."
            ))),
            Some(_) => {
                let problem = Problem::new(ProblemKind::DeviceLogin, "unsupported_grant_type");
                Err(problem.detail(format!("Expected the `grant_type` `{GRANT}`.")))
            }
        }
    }
}

/// Exchanges a device code for a token, once a user has approved it. The request is a form, as RFC 8628 says, or JSON.
///
/// Until then, 400 with the `error` of RFC 8628: `authorization_pending`, `slow_down` (add five seconds to the interval),
/// `access_denied` or `expired_token`.
#[utoipa::path(
    post,
    path = "/api/auth/device/token",
    operation_id = "poll_device_login",
    tag = "auth",
    request_body(content(
        (DeviceTokenRequest = "application/json"),
        (DeviceTokenRequest = "application/x-www-form-urlencoded")
    )),
    responses(
        (status = OK, description = "A token.", body = DeviceToken),
        WriteWithoutToken,
        NoCredentials
    ),
    security(())
)]
async fn poll(
    State(state): State<Arc<AdminState>>,
    form: FormBody<DeviceTokenRequest>,
) -> Result<Reply<DeviceToken>, Problem> {
    let lifetime = state.lifetime(Platform::Cli);
    let code = form.code()?;
    let (token, record) = state.auth.poll_device(&code, lifetime).await?;
    Ok(Reply::ok(DeviceToken {
        access_token: token.expose().clone(),
        token_type: "Bearer".to_owned(),
        // Less than the lifetime, if the login of the approval ends before.
        expires_in: record.lifetime().as_secs(),
        username: record.username,
        expires_at: format_wire(record.expires_at, "+00:00"),
    }))
}

/// A decision about a device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceDecision {
    /// The code that the device shows, in any case, with or without its hyphen.
    #[schema(example = "WDJB-MJHT", max_length = 64)]
    user_code: String,
    /// `false` to deny.
    #[serde(default = "yes")]
    #[schema(default = true)]
    approve: bool,
}

fn yes() -> bool {
    true
}

impl RequestBody for DeviceDecision {
    const REQUIRED: bool = true;
    const MAX_BYTES: usize = SMALL;
}

/// Approves or denies a device. It then acts as the user of this request, with the same scopes.
///
/// Needs a login: the token of a program is 403. Approve only a code that you see on your own device.
#[utoipa::path(
    post,
    path = "/api/auth/device/approve",
    operation_id = "decide_device_login",
    tag = "auth",
    request_body = DeviceDecision,
    responses(
        (status = OK, description = "The device is approved or denied.", body = Done),
        Write,
        NotFound,
        TooManyAttempts,
        NoCredentials
    ),
    security(("token" = [])),
    extensions(("x-waygate-services" = json!("checked")))
)]
async fn approve(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    JsonBody(body): JsonBody<DeviceDecision>,
) -> Result<Reply<Done>, Problem> {
    let decide = state
        .auth
        .decide_device(&principal, &body.user_code, body.approve);
    decide.await?;
    Ok(done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_page_is_that_of_the_request() {
        for (host, uri) in [
            ("localhost:8000", "http://localhost:8000/waygate/device"),
            ("shop.example", "https://shop.example/waygate/device"),
        ] {
            let path = Uri::from_static("/waygate/api/auth/device");
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(here(&path, &headers), uri);
        }
    }
}
