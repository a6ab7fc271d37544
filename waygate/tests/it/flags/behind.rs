//! Commands on a process that has not seen the last changes of another one.

use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::{Admin, Credentials},
    flags::{EvaluationContext, Flag, Segment},
    port::FileBackend,
    testing::TestApp,
};

use crate::{boot_cache::Directory, support::builder};

fn flag(members: Value) -> Flag {
    let mut flag = json!({
        "key": "search", "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
    });
    flag.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    Flag::parse(&flag).unwrap()
}

/// A process that follows others, and one that does not look at the store by itself.
struct Two {
    directory: Directory,
    near: Waygate,
    behind: Waygate,
}

impl Two {
    /// Starts the second process after these changes.
    async fn after(changes: impl AsyncFnOnce(&Waygate)) -> Self {
        let directory = Directory::new();
        let near = open(&directory).await;
        changes(&near).await;
        let behind = open(&directory).await;
        // Its first look is over.
        behind.system().enable_flag("search").await.ok();
        Self {
            directory,
            near,
            behind,
        }
    }

    async fn with(flag: Flag) -> Self {
        Self::after(async |near| drop(near.system().create_flag(flag).await.unwrap())).await
    }

    async fn with_held_rollout() -> Self {
        let progressive = json!({"progressive": {
            "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
            "stages": [{"after_seconds": 0, "weight": 1_000}, {"after_seconds": 3_600, "weight": 100_000}],
        }});
        Self::after(async |near| {
            near.system().create_flag(flag(progressive)).await.unwrap();
            near.system().hold_flag_rollout("search").await.unwrap();
        })
        .await
    }

    /// What the store has.
    async fn stored(&self) -> Waygate {
        open(&self.directory).await
    }
}

async fn open(directory: &Directory) -> Waygate {
    let file = FileBackend::builder(directory.0.join("state.json"));
    let backend = file.poll_interval(Duration::from_secs(3_600)).open();
    builder()
        .backend(backend.await.unwrap())
        .build()
        .await
        .unwrap()
}

fn is_on(waygate: &Waygate) -> bool {
    let flags = waygate.flags();
    let resolution = flags.evaluate("search", &EvaluationContext::new("user-1"));
    resolution.unwrap().as_bool().unwrap()
}

#[tokio::test]
async fn a_hold_is_made() {
    let two = Two::with_held_rollout().await;
    let resumed = two.near.system().resume_flag_rollout("search").await;
    assert_eq!(
        resumed
            .unwrap()
            .flag
            .progressive
            .clone()
            .unwrap()
            .holds
            .len(),
        1
    );
    two.behind
        .system()
        .hold_flag_rollout("search")
        .await
        .unwrap();
    let stored = two.stored().await.flags().flag("search").unwrap().flag;
    let holds = &stored.progressive.as_ref().unwrap().holds;
    let last = serde_json::to_value(holds.last().unwrap()).unwrap();
    assert_eq!(last["until"], Value::Null, "{last}");
}

#[tokio::test]
async fn an_import_is_made() {
    let two = Two::with(flag(json!({}))).await;
    let document = two.behind.flags().export();
    let members = json!({"enabled": true, "fallthrough": "on"});
    two.near
        .system()
        .patch_flag("search", members)
        .await
        .unwrap();
    assert!(is_on(&two.near));
    let plan = two.behind.system().import_flags(document).await.unwrap();
    assert!(!plan.is_empty());
    assert!(!is_on(&two.stored().await));
}

#[tokio::test]
async fn the_current_revision_is_accepted() {
    let two = Two::with(flag(json!({}))).await;
    let members = json!({"name": "renamed"});
    let current = two.near.system().patch_flag("search", members).await;
    let system = two.behind.system();
    let system = system.if_revision(current.unwrap().revision.number);
    let disabled = system.disable_flag("search").await.unwrap();
    assert_eq!(disabled.flag.name, "renamed");
}

#[tokio::test]
async fn the_current_revision_of_a_maintenance_is_accepted() {
    let two = Two::with(flag(json!({}))).await;
    let current = two.near.system().disable_global_maintenance().await;
    let system = two.behind.system();
    let system = system.if_revision(current.unwrap().revision.number);
    system.disable_global_maintenance().await.unwrap();
}

#[tokio::test]
async fn a_new_flag_is_found() {
    let two = Two::after(async |_| ()).await;
    two.near
        .system()
        .create_flag(flag(json!({})))
        .await
        .unwrap();
    two.behind.system().disable_flag("search").await.unwrap();
    // And is no other one.
    let again = two.behind.system().create_flag(flag(json!({}))).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn a_deletion_covers_a_new_draft() {
    let two = Two::with(flag(json!({}))).await;
    let draft = flag(json!({"fallthrough": "on"}));
    two.near.system().save_flag_draft(draft).await.unwrap();
    two.behind.system().delete_flag("search").await.unwrap();
    two.behind
        .system()
        .create_flag(flag(json!({})))
        .await
        .unwrap();
    let draft = two.stored().await.flags().draft("search");
    assert!(draft.is_err(), "{draft:?}");
}

#[tokio::test]
async fn a_segment_that_came_into_use_stays() {
    let banned = json!({"key": "banned", "name": "Banned", "included": ["user-1"]});
    let banned = Segment::parse(&banned).unwrap();
    let two = Two::after(async |near| {
        near.system()
            .create_flag(flag(json!({"enabled": true})))
            .await
            .unwrap();
        near.system().create_segment(banned).await.unwrap();
    })
    .await;
    let rules = json!({"rules": [{
        "clauses": [{"attribute": "key", "operator": "not_in_segment", "values": ["banned"]}], "variation": "on",
    }]});
    two.near.system().patch_flag("search", rules).await.unwrap();
    let deleted = two.behind.system().delete_segment("banned").await;
    assert!(deleted.unwrap_err().to_string().contains("`search` uses"));
    assert!(!is_on(&two.stored().await));
}

#[tokio::test]
async fn a_new_limit_is_deleted() {
    let two = Two::with(flag(json!({}))).await;
    let limit = "service:billing#default".parse().unwrap();
    let policy = waygate::limits::RateLimitPolicy::new("1/minute".parse().unwrap()).unwrap();
    two.near
        .system()
        .set_rate_limit(limit, policy)
        .await
        .unwrap();
    let limit = "service:billing#default".parse().unwrap();
    let deleted = two.behind.system().delete_rate_limit(limit).await.unwrap();
    assert!(deleted, "it was set");
}

#[tokio::test]
async fn another_change_of_the_store_does_not_repeat_a_hold() {
    let two = Two::with_held_rollout().await;
    let before = two.behind.flags().flag("search").unwrap().revision;
    two.near
        .system()
        .disable_global_maintenance()
        .await
        .unwrap();
    let held = two.behind.system().hold_flag_rollout("search").await;
    assert_eq!(held.unwrap().revision, before);
}

/// The admin API of a process.
async fn admin(waygate: &Waygate) -> TestApp {
    let admin = Admin::new(Credentials::new("admin", "secret")).flags(true);
    let router = waygate.guard(Router::new()).await.unwrap();
    let app = TestApp::new(router.admin("/waygate", admin).into_router());
    let app = app.from_peer(([127, 0, 0, 1], 40_000));
    let login = json!({"username": "admin", "password": "secret"});
    let login = app.post("/waygate/api/auth/login", &login).await;
    let login = login.json::<Value>();
    app.with_header("x-waygate-token", login["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_draft_is_published_with_the_current_tag_alone() {
    let two = Two::with(flag(json!({}))).await;
    let app = admin(&two.behind).await;
    let publish = async |tag: &str| {
        let path = "/waygate/api/flags/search/draft/publish";
        app.post(path, &json!({"flag_etag": tag})).await
    };
    let before = two.near.flags().flag("search").unwrap().revision;
    let system = two.near.system();
    let named = system.patch_flag("search", json!({"name": "renamed"}));
    let current = named.await.unwrap().revision;
    let draft = flag(json!({"enabled": true, "fallthrough": "on"}));
    system.save_flag_draft(draft).await.unwrap();
    for wrong in [
        format!("\"{before}\""),
        format!("W/\"{current}\""),
        current.to_string(),
        "\"x\"".to_owned(),
        String::new(),
    ] {
        let refused = publish(&wrong).await;
        assert_eq!(refused.status(), 412, "{wrong}: {}", refused.text());
        assert_eq!(refused.header("etag"), Some(&*format!("\"{current}\"")));
    }
    // Without a look at the store since then.
    two.near
        .system()
        .patch_flag("search", json!({"name": "again"}))
        .await
        .unwrap();
    let current = two.near.flags().flag("search").unwrap().revision;
    let published = publish(&format!("\"{current}\"")).await;
    assert_eq!(published.status(), 200, "{}", published.text());
    assert!(is_on(&two.stored().await));
}

#[tokio::test]
async fn the_draft_of_a_new_flag_is_published() {
    let two = Two::after(async |_| ()).await;
    let app = admin(&two.behind).await;
    let system = two.near.system();
    system.create_flag(flag(json!({}))).await.unwrap();
    let draft = flag(json!({"enabled": true, "fallthrough": "on"}));
    system.save_flag_draft(draft).await.unwrap();
    let path = "/waygate/api/flags/search/draft/publish";
    let published = app.post(path, &json!({})).await;
    assert_eq!(published.status(), 200, "{}", published.text());
    assert!(is_on(&two.stored().await));
}
