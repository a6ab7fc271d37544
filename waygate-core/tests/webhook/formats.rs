use serde_json::{Value, json};
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin, RouteStatus},
    webhook::{MAX_BODY, WebhookFormat},
};

fn line(action: &str, path: &str, reason: &str) -> AuditEntry {
    let alice = Origin::new("alice", "cli");
    let mut entry = AuditEntry::new(&alice, Action::from(action), path, Timestamp::UNIX_EPOCH);
    entry.reason = reason.to_owned();
    entry
}

fn body(format: &WebhookFormat, entry: &AuditEntry) -> Value {
    let message = format.message(entry, false).unwrap().unwrap();
    serde_json::from_slice(&message.body).unwrap()
}

/// Wire contract, section 13.
#[test]
fn every_recorded_exchange_of_python_is_reproduced() {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("../data/webhooks.json")).unwrap();
    assert_eq!(recorded.len(), 6);
    for exchange in &recorded {
        let (name, payload) = (exchange["event"].as_str().unwrap(), &exchange["payload"]);
        // Both formatters got the same event.
        let full = recorded
            .iter()
            .find(|other| other["event"] == name && other["formatter"] == "default")
            .unwrap();
        let full = &full["payload"];
        let mut entry = line(
            name,
            full["path"].as_str().unwrap(),
            full["reason"].as_str().unwrap(),
        );
        entry.timestamp = full["timestamp"].as_str().unwrap().parse().unwrap();
        let status = full["state"]["status"].clone();
        entry.new_status = Some(serde_json::from_value::<RouteStatus>(status).unwrap());
        let format = match exchange["formatter"].as_str().unwrap() {
            "default" => WebhookFormat::Python,
            _ => WebhookFormat::PythonSlack,
        };
        assert_eq!(body(&format, &entry), *payload, "{name}");
        // The order of the fields, too.
        let bytes = format.message(&entry, false).unwrap().unwrap().body;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.len(), payload.to_string().len());
    }
}

#[test]
fn the_state_of_python_is_that_after_the_change() {
    let mut entry = line("disable", "GET:/a", "r");
    entry.new_status = Some(RouteStatus::Disabled);
    let state = json!({
        "position": {"lifecycle": {"disabled": {}}, "envs": ["production"]},
        "access": {"roles": ["admin"], "ips": ["10.0.0.0/8"]},
        "deprecation": {"sunset": "2027-01-01T00:00:00Z"},
    });
    entry.new = Some(state.clone());
    let shown = body(&WebhookFormat::Python, &entry)["state"].clone();
    // The same through the scheduler, which adds the instant.
    entry.new = Some(json!({"at": "1970-01-01T00:00:00Z", "late_ms": 0, "state": state}));
    assert_eq!(body(&WebhookFormat::Python, &entry)["state"], shown);
    assert_eq!(shown["status"], "disabled");
    assert_eq!(shown.as_object().unwrap().len(), 12);
}

#[test]
fn python_gets_only_its_three_events() {
    for (action, event) in [
        ("enable", Some("enable")),
        ("maintenance_off", Some("enable")),
        ("disable", Some("disable")),
        ("maintenance_on", Some("maintenance_on")),
        ("env_gate", None),
        ("global_maintenance_on", None),
        ("rl_policy_set", None),
        ("flag_updated", None),
        ("schedule", None),
    ] {
        for format in [WebhookFormat::Python, WebhookFormat::PythonSlack] {
            let message = format.message(&line(action, "GET:/a", ""), false).unwrap();
            assert_eq!(message.is_some(), event.is_some(), "{action}");
        }
        if let Some(event) = event {
            assert_eq!(
                body(&WebhookFormat::Python, &line(action, "GET:/a", ""))["event"],
                event
            );
        }
    }
}

#[test]
fn slack_notifies_no_channel_and_follows_no_link() {
    let attack = "<!channel> <@U1> & <https://evil|click> @channel @here @everyone `code` *bold*";
    for format in [WebhookFormat::Slack, WebhookFormat::PythonSlack] {
        let entry = line("disable", "GET:/`<!here>`", attack);
        let text = format.message(&entry, false).unwrap().unwrap().body;
        let text = String::from_utf8(text).unwrap();
        for control in ["<", ">h", "@channel", "@here", "@everyone"] {
            assert!(!text.contains(control), "{control} in {text}");
        }
        assert!(text.contains("&lt;!channel&gt;") && text.contains("&amp;"));
    }
    let blocks = body(&WebhookFormat::Slack, &line("disable", "GET:/a`b", "why"));
    assert_eq!(
        blocks["blocks"][0]["text"]["text"],
        ":no_entry: *route.disabled* `GET:/a'b`"
    );
    assert_eq!(blocks["blocks"][1]["text"]["text"], "> why");
    assert_eq!(blocks["blocks"][0]["text"]["verbatim"], true);
    assert_eq!(blocks["text"], "route.disabled: GET:/a`b");
}

#[test]
fn cloudevents_has_the_required_attributes() {
    let mut entry = line("disable", "GET:/a", "r");
    entry.service = Some("billing".to_owned());
    let message = WebhookFormat::CloudEvents
        .message(&entry, false)
        .unwrap()
        .unwrap();
    assert_eq!(message.content_type, "application/cloudevents+json");
    let event: Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "dev.waygate.route.disabled");
    assert_eq!(event["source"], "/waygate/billing");
    assert_eq!(event["subject"], "GET:/a");
    assert_eq!(event["time"], "1970-01-01T00:00:00Z");
    assert_eq!(event["id"], format!("msg_{}", entry.id.simple()));
    assert_eq!(event["data"]["reason"], "r");
    assert_eq!(event.get("traceparent"), None);
}

/// Extension "distributed tracing" of CloudEvents.
#[test]
fn the_trace_of_a_change_is_sent() {
    let mut entry = line("disable", "GET:/a", "r");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    entry.traceparent = Some(parent.parse().unwrap());
    assert_eq!(
        body(&WebhookFormat::Standard, &entry)["data"]["traceparent"],
        parent
    );
    assert_eq!(
        body(&WebhookFormat::CloudEvents, &entry)["traceparent"],
        parent
    );
}

fn template(source: &str) -> WebhookFormat {
    WebhookFormat::Template {
        source: source.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

/// Each of these ended the process, or took a minute.
#[test]
fn a_template_of_any_length_is_refused_or_rendered() {
    let repeated = |start: &str, part: &str, end: &str| {
        let room = 16 * 1024 - start.len() - end.len();
        format!("{start}{}{end}", part.repeat(room / part.len()))
    };
    let sources = [
        repeated("{{ ", "-", "1 }}"),
        repeated("{{ a", "()", " }}"),
        repeated("{{ data", ".a", " }}"),
        repeated("{{ data", "[0]", " }}"),
        repeated("{{ 1", "+1", " }}"),
        repeated("{{ 1", "|abs", " }}"),
        repeated("{{ 1", "**1", " }}"),
        repeated("{{ 1", "~1", " }}"),
        repeated("{{ ", "not ", "1 }}"),
        repeated("{{ 1", " and 1", " }}"),
        repeated("{{ 1", " is defined", " }}"),
        repeated("{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
        repeated("{{ ", "(", " }}"),
        "{{ ([0]*100000000)|tojson|length }}".to_owned(),
        "{{ [0]*100000000 }}".to_owned(),
        "{{ 'x'*100000000 }}".to_owned(),
    ];
    let entry = line("disable", "GET:/a", "r");
    for (at, source) in sources.iter().enumerate() {
        for content_type in ["text/plain", "application/json"] {
            let format = WebhookFormat::Template {
                source: source.clone(),
                content_type: content_type.to_owned(),
            };
            let since = std::time::Instant::now();
            let _ = format.check();
            let _ = format.message(&entry, false);
            println!("{at} {content_type}: {:?}", since.elapsed());
        }
    }
    for long in &sources[13..]
        .iter()
        .chain([&sources[7]])
        .collect::<Vec<_>>()
    {
        assert!(template(long).check().is_err(), "{long}");
    }
}

#[test]
fn a_template_quotes_values_in_json() {
    let teams =
        template(r#"{"text": {{ data.subject }}, "why": {{ data.reason }}, "type": {{ type }}}"#);
    teams.check().unwrap();
    let entry = line("disable", "GET:/a", "a \"quoted\" \\ </script>\u{7f}");
    let found = body(&teams, &entry);
    assert_eq!(found["why"], entry.reason);
    assert_eq!(found["type"], "route.disabled");
    let plain = WebhookFormat::Template {
        source: "{{ type }}: {{ data.reason }}".to_owned(),
        content_type: "text/plain".to_owned(),
    };
    plain.check().unwrap();
    let message = plain
        .message(&line("disable", "GET:/a", "<b>"), false)
        .unwrap()
        .unwrap();
    assert_eq!(
        (&*message.content_type, &*message.body),
        ("text/plain", &b"route.disabled: <b>"[..])
    );
}

#[test]
fn a_wrong_template_is_refused_when_it_is_written() {
    let loops =
        r#"{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"#;
    let bomb = r#"{% set x = "a" * 1000000000 %}{{ x }}"#;
    let doubled = format!(
        "{{% set x = 'aaaaaaaa' %}}{}{{{{ x }}}}",
        "{% set x = x ~ x %}".repeat(40)
    );
    let nested = format!(
        "{}1{}",
        "{{ (".to_owned() + &"(".repeat(5_000),
        ")".repeat(5_001) + " }}"
    );
    for (source, part) in [
        ("{{ data.raeson }}", "missing"),
        ("{{ data.reason", "syntax"),
        ("{% for a in b %}", "syntax"),
        (r#"{"text": "{{ data.reason }}"}"#, "not JSON"),
        ("not json", "not JSON"),
        ("{% include 'x' %}", ""),
        ("{{ data | nothing }}", "filter"),
        (loops, "too much"),
        (bomb, "too much"),
        (&doubled, "too much"),
        (&nested, ""),
        (&"x".repeat(20_000), "bytes"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", ""),
    ] {
        let error = template(source).check().unwrap_err().to_string();
        assert!(error.contains(part), "{source:.80}: {error}");
    }
    let large = r#"["{% for a in range(400) %}0123456789012345678901234567890123456789012345678901234567890123{% endfor %}"]"#;
    let error = template(large).check().unwrap_err().to_string();
    assert!(error.contains(&MAX_BODY.to_string()), "{error}");
    let kind = WebhookFormat::Template {
        source: "x".to_owned(),
        content_type: "text/plain\r\nx: y".to_owned(),
    };
    assert!(kind.check().is_err());
}
