//! The problems that operations respond with, as shared responses of the document.
//!
//! Handlers name them by type: `responses((status = OK, ..), Change, NoRoute)`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Ref, RefOr, Response},
};

/// Every problem: its status, the name of its response, and the description.
const PROBLEMS: [(&str, &str, &str); 16] = [
    (
        "400",
        "InvalidRequest",
        "The request is malformed, or the state does not allow it.",
    ),
    (
        "401",
        "Unauthenticated",
        "The token is missing or invalid, or the password is wrong.",
    ),
    (
        "403",
        "Forbidden",
        "The token lacks a scope; or the server has no credentials configured, and the client is on another machine.",
    ),
    ("404", "NotFound", "The resource does not exist."),
    ("408", "BodyTimeout", "The body did not arrive in time."),
    (
        "409",
        "Conflict",
        "The route is ambiguous, protected or not orphaned; the flag or segment exists already or is in use; there are too \
         many tokens; or a request with this `Idempotency-Key` is in progress, or its response is not kept.",
    ),
    (
        "412",
        "PreconditionFailed",
        "The resource was changed in the meantime.",
    ),
    (
        "413",
        "BodyTooLarge",
        "The body is too large: over 4 KiB for a login, a token or an operation without fields, over 8 MiB for definitions \
         of flags, or over 256 KiB otherwise.",
    ),
    (
        "415",
        "UnsupportedMediaType",
        "The server has no credentials configured, and the body is not declared as JSON.",
    ),
    (
        "422",
        "KeyReused",
        "Another request has this `Idempotency-Key`.",
    ),
    (
        "428",
        "PreconditionRequired",
        "The server requires `If-Match` for changes.",
    ),
    ("429", "TooManyAttempts", "Too many attempts."),
    (
        "500",
        "InternalError",
        "Internal error; the log of the server has the details.",
    ),
    (
        "501",
        "NotConfigured",
        "The server has no credentials configured.",
    ),
    (
        "503",
        "Unavailable",
        "The store does not respond, or there are too many concurrent logins or unfinished bodies.",
    ),
    ("507", "NoRoom", "The store is full, or not writable."),
];

/// The shared responses of the document.
pub(super) fn components() -> Map<String, Value> {
    let problems = PROBLEMS.iter().map(|(_, name, description)| {
        let content = json!({
            "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
        });
        let response = json!({ "description": description, "content": content });
        ((*name).to_owned(), response)
    });
    let not_modified = json!({ "description": "The client's list is current." });
    problems
        .chain([("NotModified".to_owned(), not_modified)])
        .collect()
}

/// Refers to the problems with these statuses.
fn problems(statuses: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    let wanted = PROBLEMS
        .iter()
        .filter(|(status, ..)| statuses.contains(status));
    wanted
        .map(|(status, name, _)| ((*status).to_owned(), Ref::from_response_name(*name).into()))
        .collect()
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)+;)+) => {$(
        $(#[$doc])*
        pub(super) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                problems(&[$($status),+])
            }
        }
    )+};
}

problems! {
    /// Of operations that read.
    Read: "400" "401" "403";
    /// Of streams, and of operations that read, and take time.
    ReadBounded: "400" "401" "403" "503";
    /// Of operations that read, have a body, and take time.
    #[cfg_attr(not(feature = "flags"), allow(dead_code, reason = "for flags"))]
    ReadComputed: "400" "401" "403" "415" "503";
    /// Of operations that read the store.
    ReadStore: "400" "401" "403" "500" "503" "507";
    /// Of operations that write the store.
    Write: "400" "401" "403" "415" "500" "503" "507";
    /// Of operations that write the store, and work without a token.
    WriteWithoutToken: "400" "403" "415" "500" "503" "507";
    /// Of operations that change a resource, and so have preconditions.
    Change: "400" "401" "403" "412" "415" "428" "500" "503" "507";
    /// Of operations with a body.
    WithBody: "408" "413";
    /// Of operations on one token, policy or decision.
    NotFound: "404";
    /// Of operations on one route.
    NoRoute: "404" "409";
    /// Of operations that create or delete definitions.
    #[cfg_attr(not(feature = "flags"), allow(dead_code, reason = "for flags"))]
    Conflicts: "409";
    /// Of operations that issue tokens.
    TooManyTokens: "409";
    /// Of operations with an idempotency key.
    WithKey: "409" "422";
    /// Of operations on passwords.
    TooManyAttempts: "429";
    /// Of probes.
    Probe: "400";
    /// Of the readiness of a process.
    NotReady: "400" "503";
    /// Of operations on users.
    NoCredentials: "501";
}

/// Marks the body of a response with an entity tag. The document shows `T`.
#[derive(ToSchema)]
pub(super) struct Tagged<T: ToSchema>(#[allow(dead_code)] T);

/// The names of the schemas of tagged bodies start with this, until [`finish`](super::docs::finish) removes them.
pub(super) const TAGGED: &str = "Tagged_";
