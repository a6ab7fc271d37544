//! The hooks for audit, logs and OpenTelemetry.

use std::{num::NonZeroU32, sync::Arc};

use serde_json::json;
use waygate_core::{
    Timestamp,
    flag::EvaluationContext,
    port::{Clock, ManualClock},
};
use waygate_openfeature::{ErrorCode, EvaluationError, Reason, Resolution, hooks::AuditHook};

use crate::support::{Fake, with};

fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

fn now(clock: &ManualClock) -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let clock = clock.clone();
    move || clock.now()
}

/// Fails for keys that start with an exclamation mark, and names no variant for `plain`.
fn fake() -> Fake {
    Fake {
        resolve: Box::new(|request| match request.key() {
            key if key.starts_with('!') => {
                Err(EvaluationError::new(ErrorCode::ParseError).with_message("bad\nflag"))
            }
            "plain" => Ok(Resolution::new(true)),
            _ => {
                let facts = [("flagSetId", "production".into()), ("version", 7.into())];
                let metadata = facts.into_iter().collect();
                let resolution = Resolution::new(true).variant("on").metadata(metadata);
                Ok(resolution.reason(Reason::TargetingMatch))
            }
        }),
        ..Fake::default()
    }
}

#[test]
fn the_audit_keeps_a_sample_and_every_error() {
    let (api, _) = with(fake());
    let audit = Arc::new(AuditHook::new(100, now(&clock())).every(NonZeroU32::new(10).unwrap()));
    api.add_hook(audit.clone());
    let client = api.client_for("search");
    let user = EvaluationContext::new("u1");
    for place in 0..30 {
        client.bool(if place == 5 { "!bad" } else { "plain" }, false, &user);
    }
    let records = audit.take();
    let keys: Vec<&str> = records.iter().map(|record| &*record.flag_key).collect();
    assert_eq!(keys, ["plain", "!bad", "plain", "plain"]);
    assert_eq!(audit.seen(), 30);
    let record = &records[1];
    assert_eq!(record.time.to_string(), "2030-01-01T00:00:00Z");
    assert_eq!(
        (record.domain.as_deref(), &*record.provider),
        (Some("search"), "fake")
    );
    assert_eq!(
        (record.variant.as_deref(), &record.value),
        (None, &Some(json!(false)))
    );
    assert_eq!(record.reason, Some(Reason::Error));
    assert_eq!(record.error_code, Some(ErrorCode::ParseError));
    assert_eq!(record.targeting_key, None);
    assert!(audit.take().is_empty());
}

#[test]
fn the_audit_is_bounded() {
    let (api, _) = with(fake());
    let audit = Arc::new(AuditHook::new(3, now(&clock())).with_targeting_keys());
    let none = Arc::new(AuditHook::new(0, now(&clock())));
    api.add_hooks([audit.clone(), none.clone()]);
    for user in 0..10 {
        api.client()
            .bool("x", false, &EvaluationContext::new(format!("u{user}")));
    }
    let records = audit.take();
    let keys: Vec<&str> = records
        .iter()
        .filter_map(|record| record.targeting_key.as_deref())
        .collect();
    assert_eq!(keys, ["u7", "u8", "u9"]);
    assert_eq!(
        (records[0].variant.as_deref(), &records[0].value),
        (Some("on"), &None)
    );
    assert!(none.take().is_empty());
    assert_eq!(none.seen(), 10);
}

#[cfg(feature = "tracing")]
mod traced {
    use std::{
        collections::BTreeMap,
        fmt,
        sync::{Mutex, MutexGuard},
        time::Duration,
    };

    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };
    use waygate_openfeature::{
        hooks::{LoggingHook, TelemetryHook},
        isolated,
    };

    use super::*;

    type Fields = BTreeMap<String, String>;

    /// Keeps events with their fields; `name` and `level` are those of the event.
    #[derive(Clone, Default)]
    struct Events(Arc<Mutex<Vec<Fields>>>);

    impl Events {
        fn take(&self) -> Vec<Fields> {
            std::mem::take(&mut *self.lock())
        }

        fn lock(&self) -> MutexGuard<'_, Vec<Fields>> {
            self.0.lock().unwrap()
        }
    }

    struct Visitor<'a>(&'a mut Fields);

    impl Visit for Visitor<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}"));
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }
    }

    impl Subscriber for Events {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut fields = Fields::new();
            fields.insert("level".to_owned(), event.metadata().level().to_string());
            fields.insert("name".to_owned(), event.metadata().name().to_owned());
            event.record(&mut Visitor(&mut fields));
            self.lock().push(fields);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn telemetry_has_the_names_of_the_conventions() {
        let (events, clock) = (Events::default(), clock());
        let (api, _) = with(fake());
        let hash = |key: &str| format!("hash-{key}");
        api.add_hook(TelemetryHook::new(now(&clock)).context_id(hash));
        let client = api.client();
        tracing::subscriber::with_default(events.clone(), || {
            client.bool("x", false, &EvaluationContext::new("u1"));
            client.bool("plain", false, None);
            client.bool("!bad", false, None);
        });
        let common = [("name", "feature_flag.evaluation"), ("level", "INFO")];
        let expected = [
            &[
                ("feature_flag.key", "x"),
                ("feature_flag.result.variant", "on"),
                ("feature_flag.result.reason", "targeting_match"),
                ("feature_flag.provider.name", "fake"),
                ("feature_flag.set.id", "production"),
                ("feature_flag.version", "7"),
                ("feature_flag.context.id", "hash-u1"),
            ][..],
            &[
                ("feature_flag.key", "plain"),
                ("feature_flag.result.value", "true"),
                ("feature_flag.provider.name", "fake"),
            ],
            &[
                ("feature_flag.key", "!bad"),
                ("feature_flag.result.value", "false"),
                ("feature_flag.result.reason", "error"),
                ("feature_flag.provider.name", "fake"),
                ("error.type", "parse_error"),
                ("error.message", r"bad\nflag"),
            ],
        ];
        let expected = expected.map(|event| fields(&[&common[..], event].concat()));
        assert_eq!(events.take(), expected);
    }

    #[test]
    fn telemetry_hides_targeting_keys_and_prefers_the_id_of_the_provider() {
        let events = Events::default();
        let (api, _) = with(Fake {
            resolve: Box::new(|request| {
                let id = (request.key() == "named").then(|| ("contextId", "c7".into()));
                Ok(Resolution::new(true)
                    .variant("on")
                    .metadata(id.into_iter().collect()))
            }),
            ..Fake::default()
        });
        api.add_hook(TelemetryHook::new(now(&clock())));
        tracing::subscriber::with_default(events.clone(), || {
            api.client()
                .bool("named", false, &EvaluationContext::new("u1"));
            api.client().bool("x", false, &EvaluationContext::new("u1"));
        });
        let ids = events.take();
        let ids = ids
            .iter()
            .map(|event| event.get("feature_flag.context.id").cloned());
        assert_eq!(Vec::from_iter(ids), [Some("c7".to_owned()), None]);
    }

    #[test]
    fn telemetry_has_a_limit_for_each_second() {
        let (events, clock) = (Events::default(), clock());
        let (api, _) = with(fake());
        let hook = Arc::new(TelemetryHook::new(now(&clock)).per_second(3));
        api.add_hook(hook.clone());
        let client = api.client();
        let evaluate = || {
            tracing::subscriber::with_default(events.clone(), || {
                for _ in 0..10 {
                    client.bool("x", false, None);
                }
            });
            events.take().len()
        };
        assert_eq!((evaluate(), hook.suppressed()), (3, 7));
        clock.advance(Duration::from_millis(999));
        assert_eq!((evaluate(), hook.suppressed()), (0, 17));
        clock.advance(Duration::from_millis(1));
        assert_eq!((evaluate(), hook.suppressed()), (3, 24));
    }

    #[test]
    fn logs_have_a_line_for_each_stage() {
        let events = Events::default();
        let (api, _) = with(fake());
        let client = api.client_for("search");
        client.add_hook(LoggingHook::new());
        let user = EvaluationContext::new("u1").with("plan", "pro");
        tracing::subscriber::with_default(events.clone(), || {
            client.bool("x", false, &user);
            client.bool("!a\n", false, &user);
        });
        let seen = events.take();
        let stages = seen
            .iter()
            .map(|event| (&*event["stage"], &*event["level"], &*event["flag_key"]));
        let expected = [
            ("before", "DEBUG", r#""x""#),
            ("after", "DEBUG", r#""x""#),
            ("before", "DEBUG", r#""!a\n""#),
            ("error", "ERROR", r#""!a\n""#),
        ];
        assert_eq!(Vec::from_iter(stages), expected);
        assert!(
            seen.iter()
                .all(|event| event["domain"] == "search" && event["provider_name"] == "fake")
        );
        assert!(
            seen.iter()
                .all(|event| !event.contains_key("evaluation_context"))
        );
        assert_eq!(seen[1]["value"], "true");
        assert_eq!(
            (&*seen[1]["variant"], &*seen[1]["reason"]),
            ("on", "TARGETING_MATCH")
        );
        assert_eq!(
            (&*seen[3]["error_code"], &*seen[3]["error_message"]),
            ("PARSE_ERROR", r"bad\nflag")
        );

        client.add_hook(LoggingHook::new().with_evaluation_context());
        tracing::subscriber::with_default(events.clone(), || client.bool("x", false, &user));
        let contexts = events.take();
        let contexts = contexts
            .iter()
            .filter_map(|event| event.get("evaluation_context"));
        let context = r#"{"attributes":{"plan":"pro"},"key":"u1","kind":"user"}"#;
        assert_eq!(Vec::from_iter(contexts), [context, context]);
    }

    #[test]
    fn an_evaluation_without_hooks_writes_no_logs() {
        let events = Events::default();
        let (api, _) = with(fake());
        tracing::subscriber::with_default(events.clone(), || {
            let client = api.client();
            client.bool("x", false, None);
            client.bool("!bad", false, None);
            isolated::new().client().bool("x", false, None);
        });
        assert!(events.take().is_empty());
    }
}
