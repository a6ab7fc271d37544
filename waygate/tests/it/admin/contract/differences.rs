//! Differences from the recorded exchanges, with the reason for each.

use serde_json::{Value, json};

/// An exchange that differs from the recording.
pub(super) struct Difference {
    pub(super) file: &'static str,
    pub(super) name: &'static str,
    pub(super) status: u16,
    /// Expected members of the response body; `None` if only the status matters.
    pub(super) body: Option<Value>,
    #[expect(dead_code, reason = "it is there to be read")]
    pub(super) reason: &'static str,
}

pub(super) fn differences() -> Vec<Difference> {
    let differs = |file, name, status, body, reason| Difference {
        file,
        name,
        status,
        body,
        reason,
    };
    let unauthenticated = || {
        Some(json!({
            "error": "Authentication required. Use POST /api/auth/login to obtain a token."
        }))
    };
    let no_dashboard = "there is no dashboard yet; nothing is public but login and logout";
    let unchecked = "wrong types are 400, and change nothing";
    let future = "a window closes the route when it starts, not immediately";
    let no_sdk = "there is no interface for SDKs yet";
    let not_text = "problems are `application/problem+json`";
    vec![
        differs(
            "auth",
            "bearer header is not accepted",
            200,
            Some(json!({ "username": "admin", "platform": "cli" })),
            "`Authorization: Bearer` is accepted besides `X-Waygate-Token`",
        ),
        differs(
            "auth",
            "html page without credentials redirects",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "nested html page redirect is relative",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard login ok",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard login bad",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "dashboard logout",
            401,
            unauthenticated(),
            no_dashboard,
        ),
        differs(
            "auth",
            "cookie authenticates API; platform dashboard",
            401,
            unauthenticated(),
            "a cookie alone never authorizes JSON, since browsers send it automatically",
        ),
        differs(
            "routes",
            "list routes",
            200,
            None,
            "sorted, and the future window does not close: see `list`",
        ),
        differs(
            "routes",
            "get unknown route returns synthetic active state",
            404,
            Some(json!({
                "error": "Route 'GET:/does-not-exist' is not registered. Use 'waygate status' to see all registered routes."
            })),
            "unknown routes are not invented",
        ),
        differs(
            "routes",
            "get bare path does not resolve to the method key",
            200,
            Some(json!({ "path": "GET:/payments", "status": "maintenance" })),
            "a bare path names its only method, as for changes",
        ),
        differs(
            "routes",
            "get with undecodable path key",
            400,
            Some(json!({ "error": "Invalid path key: '!' is no base64url character." })),
            "malformed keys are refused",
        ),
        differs(
            "routes",
            "maintenance ok with window",
            400,
            Some(json!({
                "error": "invalid window `2030-01-01T02:00:00Z/2030-01-01T02:00:00Z`: the window must end after it starts"
            })),
            "the recorded window is empty: 02:00Z is 04:00+02:00",
        ),
        differs(
            "routes",
            "maintenance non-string reason",
            400,
            Some(json!({ "error": "reason: invalid type: integer `5`, expected a string" })),
            unchecked,
        ),
        differs(
            "routes",
            "schedule ok (note immediate maintenance status)",
            200,
            Some(json!({
                "status": "active",
                "reason": "",
                "window": { "start": "2031-01-01T00:00:00Z", "end": "2031-01-01T01:00:00Z", "reason": "planned" },
            })),
            future,
        ),
        differs(
            "routes",
            "schedule end before start accepted",
            400,
            Some(json!({
                "error": "invalid window `2031-01-01T00:00:00Z/2030-01-01T01:00:00Z`: the window must end after it starts"
            })),
            "such a window could never start",
        ),
        differs(
            "routes",
            "cancel schedule (status and window are left as they were)",
            200,
            Some(json!({ "status": "active", "window": null, "windows": [] })),
            "cancelling restores the state before the window",
        ),
        differs(
            "routes",
            "cancel schedule unknown",
            404,
            Some(json!({
                "error": "Route 'GET:/ghost' is not registered. Use 'waygate status' to see all registered routes."
            })),
            "unknown routes are not invented",
        ),
        differs(
            "routes",
            "method not allowed",
            405,
            Some(
                json!({ "error": "Method Not Allowed: PUT on /api/routes; allowed are GET, HEAD." }),
            ),
            not_text,
        ),
        differs(
            "routes",
            "unknown api path",
            404,
            Some(json!({ "error": "Not Found" })),
            not_text,
        ),
        differs(
            "audit",
            "list",
            200,
            None,
            "schedules and cancellations are audited, too: see `audit_list`",
        ),
        differs(
            "audit",
            "bad limit falls back to 50",
            400,
            Some(json!({ "error": "limit: expected a whole number from 0 to 1000" })),
            "invalid numbers are not replaced by a default",
        ),
        differs(
            "audit",
            "negative limit",
            400,
            Some(json!({ "error": "limit: expected a whole number from 0 to 1000" })),
            "a negative number of lines is invalid",
        ),
        differs(
            "routes",
            "maintenance only start: window ignored",
            400,
            Some(json!({
                "error": "start needs an end: give both for a window, end alone for maintenance from now until then, or neither for maintenance from now on"
            })),
            "a window without an end would close the route for good, unattended",
        ),
        differs(
            "routes",
            "env empty list",
            400,
            Some(json!({
                "error": "envs is required: the environments that the route is open in, such as [\"dev\"]"
            })),
            "a forgotten field would close the route everywhere",
        ),
        differs(
            "global-maintenance",
            "enable wrong type exempt",
            400,
            Some(
                json!({ "error": "exempt_paths: invalid type: string \"x\", expected a sequence" }),
            ),
            unchecked,
        ),
        differs(
            "no-auth-mode",
            "me with actor and platform headers",
            200,
            Some(json!({ "username": "anonymous", "platform": "cli" })),
            "identity headers of clients are not trusted",
        ),
        differs(
            "no-auth-mode",
            "create flag attributed to the header actor",
            if cfg!(feature = "flags") { 201 } else { 404 },
            None,
            "identity headers of clients are not trusted; without the feature there are no flags",
        ),
        differs(
            "no-auth-mode",
            "audit shows header actor and platform",
            200,
            None,
            "identity headers of clients are not trusted",
        ),
        differs(
            "no-auth-mode",
            "dashboard login page posts redirect straight in",
            404,
            Some(json!({ "error": "Not Found" })),
            "there is no dashboard yet",
        ),
        differs(
            "rate-limits",
            "list policies",
            200,
            None,
            "the code declares no policy with a key function: see `limits::list`",
        ),
        differs(
            "rate-limits",
            "set policy invalid algorithm",
            409,
            Some(json!({ "ambiguous_matches": ["GET:/orders", "POST:/orders"] })),
            "token buckets exist, and a path of several methods is ambiguous",
        ),
        differs(
            "rate-limits",
            "set policy invalid burst",
            400,
            Some(
                json!({ "error": "burst: invalid type: string \"abc\", expected a whole number, 0 or more" }),
            ),
            "the recorded words are those of Python's `int`",
        ),
        differs(
            "rate-limits",
            "set policy custom key strategy accepted",
            400,
            Some(json!({
                "error": "invalid key `custom`: the code declares no policy `default` here with a key function"
            })),
            "without a key function nothing would be counted",
        ),
        differs(
            "rate-limits",
            "set policy JSON array",
            400,
            Some(json!({ "error": "JSON body must be an object" })),
            unchecked,
        ),
        differs(
            "rate-limits",
            "hits",
            200,
            None,
            "the burst holds, and keys that are secrets are digests: see `limits::hits`",
        ),
        differs(
            "rate-limits",
            "hits filtered by path",
            200,
            None,
            "keys that are secrets are digests: see `limits::hits`",
        ),
        differs(
            "rate-limits",
            "delete policy key without colon",
            409,
            Some(json!({ "ambiguous_matches": ["GET:/orders", "POST:/orders"] })),
            "a path names its only method, and this one has two",
        ),
        differs(
            "rate-limits",
            "reset unknown",
            404,
            Some(json!({
                "error": "Route '/ghost' is not registered. Use 'waygate status' to see all registered routes."
            })),
            "nothing would be reset",
        ),
        differs(
            "rate-limits",
            "audit rows written by the calls above",
            200,
            None,
            "actor and platform are those of who asked: see `limits::audit`",
        ),
        differs(
            "global-rate-limit",
            "set all fields (update)",
            400,
            Some(json!({
                "error": "invalid rate limit `1000/minute`: a moving window remembers every request, and takes 1000 at most; use sliding_window or token_bucket"
            })),
            "the burst is included, and 1010 exceeds the maximum of a log",
        ),
        differs(
            "global-rate-limit",
            "get paused",
            200,
            Some(json!({ "enabled": false, "policy": { "limit": "2/minute", "enabled": false } })),
            "the policy before is still there",
        ),
        differs(
            "global-rate-limit",
            "audit rows",
            200,
            None,
            "a deletion that finds nothing is no change: see `limits::global_audit`",
        ),
        differs(
            "services",
            "sdk register new",
            404,
            Some(json!({ "error": "Not Found" })),
            no_sdk,
        ),
        differs(
            "services",
            "sdk register again: server wins",
            404,
            Some(json!({ "error": "Not Found" })),
            no_sdk,
        ),
        differs(
            "services",
            "sdk register invalid JSON",
            404,
            Some(json!({ "error": "Not Found" })),
            no_sdk,
        ),
        differs(
            "services",
            "sdk register states not list",
            404,
            Some(json!({ "error": "Not Found" })),
            no_sdk,
        ),
        differs(
            "services",
            "disable a service route",
            404,
            None,
            "routes of other processes are listed, but not controlled yet",
        ),
        differs(
            "services",
            "routes of service",
            200,
            None,
            "sorted, and nothing was disabled: see `limits::services`",
        ),
        differs("services", "sdk audit ok", 404, None, no_sdk),
        differs("services", "sdk audit invalid", 404, None, no_sdk),
        differs("services", "sdk audit invalid JSON", 404, None, no_sdk),
        differs(
            "services",
            "audit filtered by service",
            200,
            Some(json!([])),
            "no route of the service was changed",
        ),
        differs(
            "services",
            "audit",
            200,
            None,
            "lines about a service name it: see `limits::services_audit`",
        ),
    ]
}
