//! Deserializes every response into the client types, and serializes it again.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
#[cfg(feature = "flags")]
use waygate_core::flag::{Flag, Segment};
use waygate_core::{model::AuditEntry, view::*};

#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned>(shown: &Value) {
    let read: T =
        serde_json::from_value(shown.clone()).unwrap_or_else(|error| panic!("{error} in {shown}"));
    assert_eq!(serde_json::to_value(read).unwrap(), *shown);
}

/// Checks the body of a response to this path, relative to the mount.
#[track_caller]
pub(super) fn check(method: &str, path: &str, status: u16, shown: &Value) {
    if status >= 400 {
        return round_trip::<Problem>(shown);
    }
    if shown["dry_run"] == true && shown["changes"].is_array() {
        return round_trip::<Plan>(shown);
    }
    let path = path.split('?').next().unwrap();
    match path {
        "/readyz" => return round_trip::<Readiness>(shown),
        "/version" => return round_trip::<ApiVersion>(shown),
        _ => {}
    }
    let segments: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
    let is_get = method == "GET";
    match (method, &segments[..]) {
        ("GET", ["windows"]) => round_trip::<Vec<ScheduledWindow>>(shown),
        ("GET", ["traffic"]) => round_trip::<Vec<RouteTraffic>>(shown),
        ("GET", ["routes", _, "traffic"]) => round_trip::<TrafficHistory>(shown),
        ("GET", ["routes"]) => round_trip::<Vec<Route>>(shown),
        ("DELETE", ["routes", _]) => round_trip::<Done>(shown),
        (_, ["routes", ..]) => round_trip::<Route>(shown),
        (_, ["global", ..] | ["services", _, "maintenance", ..]) => {
            round_trip::<Maintenance>(shown)
        }
        (_, ["services"]) => round_trip::<Vec<String>>(shown),
        (_, ["rate-limits", "hits"]) => round_trip::<Vec<HitRecord>>(shown),
        (_, ["rate-limits", "explain"]) => round_trip::<DecisionRecord>(shown),
        (_, [.., "top"]) => round_trip::<Vec<KeyUse>>(shown),
        ("DELETE", ["rate-limits", _, "reset"]) => round_trip::<ResetRateLimits>(shown),
        (_, [.., "reset"]) => round_trip::<Done>(shown),
        ("DELETE", ["rate-limits" | "concurrency-limits", _]) => round_trip::<DeletedLimit>(shown),
        (_, ["rate-limits", ..]) if is_get => round_trip::<Vec<RouteRateLimit>>(shown),
        (_, ["rate-limits", ..]) => round_trip::<RouteRateLimit>(shown),
        (_, ["concurrency-limits", ..]) if is_get => {
            round_trip::<Vec<RouteConcurrencyLimit>>(shown);
        }
        (_, ["concurrency-limits", ..]) => round_trip::<RouteConcurrencyLimit>(shown),
        ("GET", ["global-rate-limit"] | ["services", _, "rate-limit"]) => {
            round_trip::<SharedRateLimitState>(shown);
        }
        ("POST" | "PATCH", ["global-rate-limit"] | ["services", _, "rate-limit"]) => {
            round_trip::<SharedRateLimit>(shown);
        }
        (_, [.., "policies"]) => round_trip::<Vec<SharedRateLimit>>(shown),
        ("GET", ["global-concurrency-limits"] | ["services", _, "concurrency-limits"]) => {
            round_trip::<Vec<SharedConcurrencyLimit>>(shown);
        }
        (
            "POST" | "PATCH",
            ["global-concurrency-limits"] | ["services", _, "concurrency-limits"],
        ) => {
            round_trip::<SharedConcurrencyLimit>(shown);
        }
        #[cfg(feature = "flags")]
        ("GET", ["flags"]) => round_trip::<Vec<Flag>>(shown),
        #[cfg(feature = "flags")]
        ("GET" | "PUT" | "PATCH", ["flags", _])
        | ("POST", ["flags"] | ["flags", _, "enable" | "disable"]) => round_trip::<Flag>(shown),
        #[cfg(feature = "flags")]
        ("GET", ["segments"]) => round_trip::<Vec<Segment>>(shown),
        #[cfg(feature = "flags")]
        ("GET" | "PUT" | "PATCH", ["segments", _])
        | ("POST", ["segments"] | ["segments", _, "revert"]) => {
            round_trip::<Segment>(shown);
        }
        #[cfg(feature = "flags")]
        (
            "POST",
            ["flags", _, "progressive", _]
            | ["flags", _, "draft", "publish"]
            | ["flags", _, "revert"],
        ) => {
            round_trip::<Flag>(shown);
        }
        (
            _,
            [
                "flags" | "segments" | "flag-definitions" | "flag-usage" | "flag-declarations"
                | "flag-findings" | "missing-flags" | "canaries",
                ..,
            ],
        ) => {}
        (_, ["announcements", ..]) if method != "DELETE" => {}
        (_, ["webhooks", ..]) => {}
        (_, ["changes"]) => round_trip::<AppliedChanges>(shown),
        (_, ["audit", _, "revert"]) => round_trip::<Reverted>(shown),
        (_, ["audit"]) => round_trip::<Vec<AuditEntry>>(shown),
        (_, ["health"]) => round_trip::<Health>(shown),
        (_, ["store", "reseed"]) => round_trip::<Reseeded>(shown),
        (_, ["auth", "login"]) => round_trip::<Login>(shown),
        ("POST", ["auth", "device"]) => round_trip::<DeviceLogin>(shown),
        ("POST", ["auth", "device", "token"]) => round_trip::<DeviceToken>(shown),
        (_, ["auth", "me"]) => round_trip::<Me>(shown),
        ("GET", ["auth", "tokens" | "sessions"]) => round_trip::<Vec<Token>>(shown),
        ("POST", ["auth", "tokens"]) => round_trip::<NewToken>(shown),
        (_, ["openapi.json"]) => {}
        _ => round_trip::<Done>(shown),
    }
}
