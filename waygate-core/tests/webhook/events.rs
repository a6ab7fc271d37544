use serde_json::json;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin, RouteStatus},
    webhook::{EventFilter, EventPattern, EventType, MAX_BODY, WebhookEvent},
};

fn line(action: &str, path: &str) -> AuditEntry {
    let alice = Origin::new("alice", "cli");
    AuditEntry::new(&alice, Action::from(action), path, Timestamp::UNIX_EPOCH)
}

#[test]
fn names_are_dotted_and_unique() {
    let mut names: Vec<&str> = EventType::ALL.iter().map(|event| event.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), EventType::ALL.len());
    for name in names {
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(
            name.split('.').count() == 2 && name.split('.').all(is_part),
            "{name}"
        );
        assert_eq!(name.parse::<EventType>().unwrap().as_str(), name);
    }
    let error = "route.disabeld"
        .parse::<EventType>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("did you mean `route.disabled`?"), "{error}");
}

/// The end of maintenance is the end, whatever ends it, and comes once.
#[test]
fn an_event_follows_from_the_status_before_and_after() {
    use RouteStatus::{Active, Disabled, EnvGated, Maintenance};
    for (action, from, to, event) in [
        (
            "enable",
            Maintenance,
            Active,
            Some("route.maintenance_ended"),
        ),
        ("enable", Disabled, Active, Some("route.enabled")),
        (
            "env_gate",
            Maintenance,
            EnvGated,
            Some("route.maintenance_ended"),
        ),
        (
            "env_gate",
            Active,
            EnvGated,
            Some("route.environments_changed"),
        ),
        (
            "reset",
            Maintenance,
            Active,
            Some("route.maintenance_ended"),
        ),
        ("reset", Disabled, Active, Some("route.reset")),
        ("reset", Maintenance, Maintenance, Some("route.reset")),
        (
            "schedule",
            Active,
            Maintenance,
            Some("route.maintenance_started"),
        ),
        ("schedule", Active, Active, Some("route.window_scheduled")),
        (
            "schedule_cancelled",
            Maintenance,
            Active,
            Some("route.maintenance_ended"),
        ),
        (
            "maintenance_off",
            Maintenance,
            EnvGated,
            Some("route.maintenance_ended"),
        ),
        ("maintenance_off", Active, Active, None),
        ("disable", Maintenance, Disabled, Some("route.disabled")),
        (
            "global_maintenance_on",
            Active,
            Maintenance,
            Some("global.maintenance_started"),
        ),
        ("global_maintenance_on", Maintenance, Maintenance, None),
        (
            "global_maintenance_off",
            Maintenance,
            Active,
            Some("global.maintenance_ended"),
        ),
        ("global_maintenance_off", Active, Active, None),
        (
            "service_maintenance_on",
            Active,
            Maintenance,
            Some("service.maintenance_started"),
        ),
        ("service_maintenance_on", Maintenance, Maintenance, None),
        (
            "service_maintenance_off",
            Maintenance,
            Active,
            Some("service.maintenance_ended"),
        ),
        ("service_maintenance_off", Active, Active, None),
        (
            "global_maintenance_scheduled",
            Maintenance,
            Active,
            Some("global.maintenance_ended"),
        ),
        (
            "service_maintenance_scheduled",
            Active,
            Active,
            Some("service.window_scheduled"),
        ),
    ] {
        let mut entry = line(action, "GET:/a");
        entry.previous_status = Some(from);
        entry.new_status = Some(to);
        let found = EventType::of(&entry).map(EventType::as_str);
        assert_eq!(found, event, "{action} from {from:?} to {to:?}");
    }
    // Maintenance that was only planned.
    for scope in ["global", "service"] {
        let mut entry = line(&format!("{scope}_maintenance_off"), "x");
        entry.previous_status = Some(Active);
        entry.new_status = Some(Active);
        entry.previous = Some(json!({ "enabled": true, "start": "2030-01-01T00:00:00Z" }));
        entry.new = Some(json!({ "enabled": false }));
        let found = EventType::of(&entry).map(EventType::as_str);
        assert_eq!(found, Some(&*format!("{scope}.window_cancelled")));
        // Exemptions alone are no window.
        entry.previous = Some(json!({ "enabled": false, "exempt_paths": ["/health"] }));
        assert_eq!(EventType::of(&entry), None, "{scope}");
    }
}

#[test]
fn each_action_has_its_event() {
    for (action, event) in [
        ("enable", "route.enabled"),
        ("disable", "route.disabled"),
        ("maintenance_on", "route.maintenance_started"),
        ("maintenance_off", "route.maintenance_ended"),
        ("env_gate", "route.environments_changed"),
        ("schedule", "route.window_scheduled"),
        ("schedule_cancelled", "route.window_cancelled"),
        ("reset", "route.reset"),
        ("global_maintenance_on", "global.maintenance_started"),
        ("global_maintenance_off", "global.maintenance_ended"),
        ("service_maintenance_on", "service.maintenance_started"),
        ("service_maintenance_off", "service.maintenance_ended"),
        ("rl_policy_set", "limit.set"),
        ("svc_rl_updated", "limit.set"),
        ("concurrency_policy_deleted", "limit.deleted"),
        ("global_rl_disabled", "limit.paused"),
        ("global_rl_enabled", "limit.resumed"),
        ("flag_created", "flag.created"),
        ("segment_deleted", "segment.deleted"),
        ("token_revoked", "access.token_revoked"),
        ("login_refused", "access.login_failed_burst"),
        ("store_reseeded", "store.reset"),
        ("webhook_disabled", "endpoint.disabled"),
        ("announcement_set", "announcement.set"),
        ("limit_threshold", "limit.threshold"),
        ("store_degraded", "store.degraded"),
        ("store_recovered", "store.recovered"),
    ] {
        let found = EventType::of(&line(action, "GET:/a"));
        assert_eq!(found.map(EventType::as_str), Some(event), "{action}");
    }
    for silent in ["login", "logout", "webhook_set", "teleport"] {
        assert_eq!(EventType::of(&line(silent, "x")), None, "{silent}");
    }
    let mut ended = line("enable", "GET:/a");
    ended.previous_status = Some(RouteStatus::Maintenance);
    assert_eq!(
        EventType::of(&ended),
        Some(EventType::RouteMaintenanceEnded)
    );
    let mut promoted = line("rl_policy_updated", "GET:/a#default");
    promoted.previous = Some(json!({"policy": {"limit": "5/minute", "shadow": true}}));
    promoted.new = Some(json!({"policy": {"limit": "5/minute"}}));
    assert_eq!(EventType::of(&promoted), Some(EventType::LimitPromoted));
}

#[test]
fn a_large_event_becomes_thin() {
    let mut entry = line("disable", "GET:/a");
    entry.new = Some(json!({"text": "x".repeat(100)}));
    let whole = WebhookEvent::of(&entry).unwrap();
    assert_eq!(whole.data["new"]["text"].as_str().unwrap().len(), 100);
    entry.new = Some(json!({"text": "x".repeat(30_000)}));
    let thin = WebhookEvent::of(&entry).unwrap();
    assert_eq!(thin.data["thin"], true);
    assert!(thin.data.get("new").is_none());
    assert!(serde_json::to_vec(&thin).unwrap().len() < MAX_BODY);
}

#[test]
fn the_fields_are_those_of_the_entry() {
    let mut entry = line("disable", "shop:GET:/a");
    entry.service = Some("shop".to_owned());
    entry.reason = "incident 12".to_owned();
    entry.revision = 7;
    let event = WebhookEvent::of(&entry).unwrap();
    let body = serde_json::to_value(&event).unwrap();
    assert_eq!(body["type"], "route.disabled");
    assert_eq!(body["timestamp"], "1970-01-01T00:00:00Z");
    for (field, value) in [
        ("revision", json!(7)),
        ("route", json!("shop:GET:/a")),
        ("service", json!("shop")),
        ("actor", json!("alice")),
        ("platform", json!("cli")),
        ("reason", json!("incident 12")),
        ("id", json!(entry.id)),
    ] {
        assert_eq!(body["data"][field], value, "{field}");
    }
    assert_eq!(event.id(), format!("msg_{}", entry.id.simple()));
}

#[test]
fn filters_select_by_type_service_tag_and_route() {
    let mut entry = line("disable", "GET:/v2/pay");
    entry.service = Some("billing".to_owned());
    let filter = |change: &dyn Fn(&mut EventFilter)| {
        let mut filter = EventFilter::default();
        change(&mut filter);
        filter.matches(&entry)
    };
    let pattern = |text: &str| -> EventPattern { text.parse().unwrap() };
    assert!(filter(&|_| {}));
    for (text, passes) in [
        ("*", true),
        ("route.*", true),
        ("route.disabled", true),
        ("route.enabled", false),
        ("flag.*", false),
    ] {
        assert_eq!(
            filter(&|f| f.events = vec![pattern(text)]),
            passes,
            "{text}"
        );
    }
    assert!(filter(
        &|f| f.events = vec![pattern("flag.*"), pattern("route.disabled")]
    ));
    for (service, passes) in [("billing", true), ("bill", false)] {
        assert_eq!(filter(&|f| f.services = vec![service.to_owned()]), passes);
    }
    for (route, passes) in [
        ("GET:/v2/pay", true),
        ("GET:/v2/*", true),
        ("GET:/v2/p", false),
        ("*", true),
        ("POST:*", false),
    ] {
        assert_eq!(
            filter(&|f| f.routes = vec![route.to_owned()]),
            passes,
            "{route}"
        );
    }
    let mut entry = entry.clone();
    entry.tags = vec!["money".to_owned(), "payments".to_owned()];
    let tags = |tags: &[&str]| EventFilter {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..EventFilter::default()
    };
    assert!(tags(&["bills", "payments"]).matches(&entry));
    assert!(!tags(&["pay"]).matches(&entry));
    assert!(!tags(&["payments"]).matches(&line("disable", "GET:/v2/pay")));
    let busy = line("limit_threshold", "GET:/v2/pay");
    for (events, passes) in [
        (&[][..], false),
        (&["*"], false),
        (&["limit.*"], false),
        (&["limit.*", "limit.threshold"], true),
    ] {
        let filter = EventFilter {
            events: events.iter().map(|text| pattern(text)).collect(),
            ..EventFilter::default()
        };
        assert_eq!(filter.matches(&busy), passes, "{events:?}");
    }
    // All parts must pass.
    assert!(!filter(&|f| {
        f.events = vec![pattern("route.*")];
        f.services = vec!["internal".to_owned()];
    }));
    let routes = EventFilter {
        routes: vec!["GET:/a".to_owned()],
        ..EventFilter::default()
    };
    assert!(routes.matches(&line("rl_policy_set", "GET:/a#default")));
    assert!(!routes.matches(&line("rl_policy_set", "GET:/ab")));
    for wrong in [
        "",
        "route",
        "route.",
        "rout.*",
        "route.*.x",
        "route.*d",
        "**",
        ".*",
    ] {
        assert!(wrong.parse::<EventPattern>().is_err(), "{wrong}");
    }
}
