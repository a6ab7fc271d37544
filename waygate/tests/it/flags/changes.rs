//! Changes of flags and segments through the engine.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread,
};

use serde_json::{Value, json};
use waygate::{
    ChangeError, Waygate,
    audit::{AuditQuery, Origin},
    flags::{EvaluationContext, Flag, FlagError, Segment, exchange::FlagDocument},
    port::{ManualClock, MemoryBackend},
};

fn definition(key: &str) -> Value {
    json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off",
        "rules": [{
            "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}],
            "variation": "on",
        }],
        "fallthrough": "off",
    })
}

fn segment() -> Segment {
    Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]})).unwrap()
}

fn is_on(waygate: &Waygate, user: &str) -> Option<bool> {
    let flags = waygate.flags();
    let resolution = flags.evaluate("search", &EvaluationContext::new(user))?;
    Some(resolution.as_bool().unwrap())
}

async fn engine() -> Waygate {
    let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    Waygate::builder().clock(clock).build().await.unwrap()
}

#[tokio::test]
async fn a_change_takes_effect_and_is_audited() {
    let waygate = engine().await;
    let alice = waygate.operator(Origin::new("alice", "cli"));
    let flag = Flag::parse(&definition("search")).unwrap();
    let missing = alice.create_flag(flag.clone()).await.unwrap_err();
    assert!(
        missing.to_string().contains("there is no segment `beta`"),
        "{missing}"
    );
    alice.create_segment(segment()).await.unwrap();
    let created = alice.create_flag(flag.clone()).await.unwrap();
    assert_eq!(created.flag.created_by, "alice");
    assert_eq!(created.flag.created_at, created.flag.updated_at);
    assert_eq!(
        [is_on(&waygate, "user-1"), is_on(&waygate, "user-2")],
        [Some(true), Some(false)]
    );

    let again = alice.create_flag(flag).await.unwrap_err();
    assert!(matches!(again, ChangeError::Flag(FlagError::Exists { .. })));
    let before = waygate.flags();
    alice.disable_flag("search").await.unwrap();
    assert_eq!(is_on(&waygate, "user-1"), Some(false));
    let user = EvaluationContext::new("user-1");
    assert_eq!(
        before.evaluate("search", &user).unwrap().as_bool(),
        Ok(true),
        "a value does not change"
    );
    alice.enable_flag("search").await.unwrap();
    let patched = alice
        .patch_flag("search", json!({"fallthrough": "on", "type": "string"}))
        .await
        .unwrap();
    assert_eq!(is_on(&waygate, "user-2"), Some(true));
    assert_eq!(patched.flag.value_type.as_str(), "boolean");

    let used = alice.delete_segment("beta").await.unwrap_err();
    assert!(used.to_string().contains("search"), "{used}");
    alice.delete_flag("search").await.unwrap();
    alice.delete_segment("beta").await.unwrap();
    assert_eq!(is_on(&waygate, "user-1"), None);

    let log = waygate.audit(AuditQuery::newest(10)).await.unwrap();
    let lines: Vec<_> = log
        .iter()
        .rev()
        .map(|line| format!("{} {}", line.action, line.path))
        .collect();
    assert_eq!(
        lines,
        [
            "segment_created segment:beta",
            "flag_created flag:search",
            "flag_disabled flag:search",
            "flag_enabled flag:search",
            "flag_updated flag:search",
            "flag_deleted flag:search",
            "segment_deleted segment:beta",
        ]
    );
}

#[tokio::test]
async fn a_mistake_changes_nothing() {
    let waygate = engine().await;
    let system = waygate.system();
    system.create_segment(segment()).await.unwrap();
    let created = system
        .create_flag(Flag::parse(&definition("search")).unwrap())
        .await
        .unwrap();
    let wrong = system
        .patch_flag("search", json!({"fallthrough": "onn"}))
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("/fallthrough"), "{wrong}");
    let wrong = system.enable_flag("serch").await.unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "there is no flag `serch`: did you mean `search`?"
    );
    let stale = system
        .clone()
        .if_revision(1)
        .disable_flag("search")
        .await
        .unwrap_err();
    assert!(matches!(stale, ChangeError::Conflict { .. }), "{stale}");
    assert_eq!(waygate.flags().flag("search").unwrap(), created);
}

#[tokio::test]
async fn other_processes_follow() {
    let backend = Arc::new(MemoryBackend::new());
    let [one, other] = [(); 2].map(|()| Waygate::builder().backend(backend.clone()).build());
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let mut events = other.subscribe();
    one.system().create_segment(segment()).await.unwrap();
    one.system()
        .create_flag(Flag::parse(&definition("search")).unwrap())
        .await
        .unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let event = events.next().await.unwrap();
        let changed = event.changed().unwrap();
        kinds.push(format!("{} {}", changed.kind, changed.key));
        assert!(changed.record().unwrap()["name"].is_string());
    }
    assert_eq!(kinds, ["segment beta", "flag search"]);
    assert_eq!(is_on(&other, "user-1"), Some(true));
}

fn document(key: &str) -> FlagDocument {
    let mut definition = definition(key);
    definition["rules"] = json!([]);
    FlagDocument::new(vec![Flag::parse(&definition).unwrap()], Vec::new())
}

/// Blocks on a future in a thread without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Changes run on the runtime of the engine, so that a thread without one can make them.
#[test]
fn an_import_runs_without_a_runtime_of_its_own_and_ends_with_that_of_the_engine() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let waygate = runtime.block_on(engine());
    let import = |key: &str| {
        let (system, document) = (waygate.system(), document(key));
        let import = async move { system.import_flags(document).await.map(drop) };
        let imported = thread::spawn(move || block_on(import));
        imported.join().expect("no panic")
    };
    import("search").unwrap();
    assert!(waygate.flags().flag("search").is_ok());
    runtime.shutdown_background();
    let refused = import("other").unwrap_err().to_string();
    assert!(refused.contains("the change was interrupted"), "{refused}");
}
