use std::time::Duration;

use serde_json::{from_value, json, to_value};
use waygate_core::{
    Timestamp,
    webhook::{Egress, Webhook, WebhookDefinition, WebhookFormat, WebhookSecret},
};

const URL: &str = "https://hooks.example.com/services/T0/secret-path";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook() -> Webhook {
    Webhook::new("ops", URL)
        .events(["route.*"])
        .secret(SECRET)
        .header("Authorization", "Bearer token-1")
}

fn definition() -> WebhookDefinition {
    webhook().check(&Egress::default()).unwrap().1
}

#[test]
fn the_stored_form_comes_back_and_secrets_are_shown_nowhere_else() {
    let stored = definition();
    let value = to_value(&stored).unwrap();
    assert_eq!(from_value::<WebhookDefinition>(value).unwrap(), stored);
    for shown in [
        format!("{stored:?}"),
        stored.redacted().to_string(),
        format!("{:?}", webhook()),
    ] {
        assert!(
            !shown.contains("MfKQ9r8") && !shown.contains("token-1"),
            "{shown}"
        );
    }
    assert!(!stored.redacted().to_string().contains("secret-path"));
    let minimal: WebhookDefinition = from_value(json!({"url": "https://example.com/"})).unwrap();
    assert_eq!(minimal.format, WebhookFormat::Standard);
    assert!(
        from_value::<WebhookDefinition>(json!({"url": "https://example.com/", "x": 1})).is_err()
    );
}

#[test]
fn each_mistake_is_named() {
    let egress = Egress::default();
    for (webhook, part) in [
        (Webhook::new("a b", URL), "a b"),
        (Webhook::new("ops", "example.com"), "https://"),
        (Webhook::new("ops", "https://10.0.0.1/"), "private"),
        (webhook().events(["rout.*"]), "rout.*"),
        (webhook().secret("hunter2"), "whsec_"),
        (webhook().header("host", "x"), "host"),
        (webhook().header("webhook-id", "x"), "webhook-id"),
        (webhook().header("x", "a\nb"), "visible"),
        (
            webhook()
                .secret(SECRET)
                .secret(SECRET)
                .secret(SECRET)
                .secret(SECRET),
            "at most 4",
        ),
        (
            webhook().format(WebhookFormat::Template {
                source: "{{ x }}".to_owned(),
                content_type: "text/plain".to_owned(),
            }),
            "template",
        ),
    ] {
        let error = webhook.check(&egress).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_rotation_keeps_the_old_secret_for_the_overlap() {
    let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let later = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
    let overlap = Duration::from_secs(24 * 3600);
    let mut definition = definition();
    let new = WebhookSecret::generate().unwrap();
    definition.rotate(new.clone(), now, overlap);
    let active =
        |definition: &WebhookDefinition, at| definition.secrets_at(at).cloned().collect::<Vec<_>>();
    assert_eq!(
        active(&definition, now),
        [new.clone(), SECRET.parse().unwrap()]
    );
    assert_eq!(active(&definition, later(24)), std::slice::from_ref(&new));
    // A second rotation does not give the first secret more time.
    let third = WebhookSecret::generate().unwrap();
    definition.rotate(third.clone(), later(23), overlap);
    assert_eq!(active(&definition, later(25)), [third.clone(), new]);
    assert_eq!(active(&definition, later(48)), [third]);
    for _ in 0..20 {
        definition.rotate(WebhookSecret::generate().unwrap(), now, overlap);
    }
    assert_eq!(definition.secrets.len(), 4);
}
