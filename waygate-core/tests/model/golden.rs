//! Compares our answers with those recorded from Python Waygate 0.2.0.
//!
//! `routes.json` has its list of routes and then, in order, every change that it answered with a route. The changes
//! are replayed here with our own transitions.

use std::collections::HashMap;

use serde_json::{Value, json};
use waygate_core::{
    Timestamp,
    grammar::{Interval, parse_http_date},
    model::{AuditEntry, Deprecation, Lifecycle, RouteKey, RouteState, RouteView, Window},
    transition::{Refused, RouteCommand, transition},
};

const CONTRACT_FIELDS: [&str; 12] = [
    "path",
    "service",
    "status",
    "reason",
    "allowed_envs",
    "allowed_roles",
    "allowed_ips",
    "window",
    "sunset_date",
    "successor_path",
    "rollout_percentage",
    "force_active",
];

fn recorded() -> Value {
    serde_json::from_str(include_str!("../data/routes.json")).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time when the exchanges were recorded.
fn recording() -> Timestamp {
    at("2026-11-22T22:16:30Z")
}

fn view(key: &str, state: &RouteState, now: Timestamp) -> Value {
    let key: RouteKey = key.parse().unwrap();
    serde_json::to_value(RouteView::new(&key, state, now)).unwrap()
}

fn window(start: &str, end: &str) -> Window {
    Window {
        interval: Interval::parse(start, end).unwrap(),
        reason: Default::default(),
    }
}

/// The declared state of a route of the recorded application.
fn declared(key: &str) -> RouteState {
    let mut state = RouteState::default();
    let position = &mut state.position;
    match key {
        "GET:/payments" => {
            position.lifecycle = Lifecycle::Maintenance;
            position.reason = "DB migration".parse().unwrap();
        }
        "GET:/windowed" => {
            position.reason = "Upgrade".parse().unwrap();
            position.windows = vec![window("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z")];
        }
        "GET:/legacy" => {
            position.lifecycle = Lifecycle::Disabled(Default::default());
            position.reason = "Use /v2/legacy".parse().unwrap();
        }
        "GET:/debug" => {
            position.envs = Some(vec!["dev".parse().unwrap(), "staging".parse().unwrap()]);
        }
        "GET:/v1/users" => {
            let sunset = parse_http_date("Sat, 01 Jan 2028 00:00:00 GMT").unwrap();
            let successor = "/v2/users".parse().unwrap();
            state.deprecation =
                Some(Deprecation::new(None, Some(sunset), Some(successor)).unwrap());
        }
        "GET:/health" => state.force_active = true,
        _ => {}
    }
    state
}

#[test]
fn every_listed_route_equals_the_recorded_one() {
    let recorded = recorded();
    let listed = recorded["listed"].as_array().unwrap();
    assert_eq!(listed.len(), 14);
    for theirs in listed {
        let key = theirs["path"].as_str().unwrap();
        // Accepted difference: the original is in maintenance from the moment a window is planned, ours only inside
        // the window; so compare there.
        let now = match theirs["window"]["start"].as_str() {
            Some(start) => at(start),
            None => recording(),
        };
        let ours = view(key, &declared(key), now);
        for field in CONTRACT_FIELDS {
            assert_eq!(ours[field], theirs[field], "{field} of {key}");
        }
    }
}

#[test]
fn a_planned_window_changes_nothing_before_it_starts() {
    let ours = view("GET:/windowed", &declared("GET:/windowed"), recording());
    assert_eq!(ours["status"], "active");
    assert_eq!(ours["window"]["start"], "2030-01-01T02:00:00Z");
    assert_eq!(ours["until"], Value::Null);
}

#[test]
fn the_contract_fields_come_first_and_in_its_order() {
    let key: RouteKey = "GET:/payments".parse().unwrap();
    let view = RouteView::new(&key, &declared("GET:/payments"), recording());
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"path":"GET:/payments","service":null,"status":"maintenance","reason":"DB migration","#,
            r#""allowed_envs":[],"allowed_roles":[],"allowed_ips":[],"window":null,"sunset_date":null,"#,
            r#""successor_path":null,"rollout_percentage":100,"force_active":false,"#,
            r#""windows":[],"deprecation":null,"until":null}"#,
        )
    );
}

#[test]
fn recorded_answers_deserialize_as_ours() {
    let recorded = recorded();
    let changed = recorded["changes"].as_array().unwrap();
    let answers = changed.iter().map(|change| &change["answer"]);
    for theirs in recorded["listed"].as_array().unwrap().iter().chain(answers) {
        let view: RouteView = serde_json::from_value(theirs.clone()).unwrap();
        let again = serde_json::to_value(&view).unwrap();
        for field in CONTRACT_FIELDS
            .into_iter()
            .filter(|field| *field != "window")
        {
            assert_eq!(again[field], theirs[field]);
        }
    }
}

/// The command of a request, in our terms; the caller has checked the body.
fn command(action: &str, body: &Value) -> Result<RouteCommand, String> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let reason = text("reason").parse().unwrap();
    Ok(match action {
        "enable" => RouteCommand::Enable { reason },
        "disable" => RouteCommand::Disable {
            reason,
            until: None,
        },
        "maintenance" | "schedule" if !text("start").is_empty() && !text("end").is_empty() => {
            let interval =
                Interval::parse(text("start"), text("end")).map_err(|e| e.to_string())?;
            RouteCommand::Schedule { interval, reason }
        }
        "maintenance" => RouteCommand::Maintain { reason },
        "env" => RouteCommand::EnvOnly {
            envs: body["envs"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|env| env.as_str().unwrap().parse().unwrap())
                .collect(),
        },
        "cancel" => RouteCommand::CancelSchedule { window: None },
        other => panic!("`{other}` is not in the recording"),
    })
}

#[test]
fn every_recorded_change_leads_to_the_recorded_route() {
    let recorded = recorded();
    let mut states: HashMap<String, RouteState> = HashMap::new();
    let mut compared = 0;
    for change in recorded["changes"].as_array().unwrap() {
        let name = change["name"].as_str().unwrap();
        let theirs = &change["answer"];
        let key = theirs["path"].as_str().unwrap();
        let declared = declared(key);
        let state = states.entry(key.to_owned()).or_insert(declared.clone());
        let command = command(change["action"].as_str().unwrap(), &change["body"]);
        match name {
            // Accepted difference: a window that ends before it starts is refused.
            "maintenance ok with window" | "schedule end before start accepted" => {
                let refusal = command.unwrap_err();
                assert!(
                    refusal.ends_with("the window must end after it starts"),
                    "{refusal}"
                );
                continue;
            }
            // Accepted difference: an environment gate without environments is refused, since it would close the
            // route everywhere.
            "env empty list" => {
                let refused = transition(state, &declared, &command.unwrap(), recording());
                assert_eq!(refused, Err(Refused::NoEnvironment));
                continue;
            }
            // Accepted difference: the engine reports unknown routes.
            "cancel schedule unknown" => continue,
            _ => {}
        }
        *state = transition(state, &declared, &command.unwrap(), recording()).unwrap();
        let now = match theirs["window"]["start"].as_str() {
            // As in the list: the original is in maintenance immediately, ours inside the window.
            Some(start) if name.starts_with("schedule ok") => at(start),
            _ => recording(),
        };
        let ours = view(key, state, now);
        let mut expected = theirs.clone();
        if name.starts_with("cancel schedule") {
            // Accepted difference: the original leaves the route in maintenance and keeps the window.
            expected["status"] = json!("active");
            expected["window"] = Value::Null;
        }
        for field in CONTRACT_FIELDS {
            assert_eq!(ours[field], expected[field], "{field} after {name}");
        }
        compared += 1;
    }
    assert_eq!(compared, 12);
}

#[test]
fn every_recorded_audit_entry_round_trips() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("../data/audit.json")).unwrap();
    assert_eq!(recorded.len(), 7);
    for theirs in recorded {
        let entry: AuditEntry = serde_json::from_value(theirs.clone()).unwrap();
        let mut ours = serde_json::to_value(&entry).unwrap();
        // The only additional member that is always present.
        assert_eq!(
            ours.as_object_mut().unwrap().remove("revision"),
            Some(json!(0))
        );
        assert_eq!(ours, theirs);
    }
}
