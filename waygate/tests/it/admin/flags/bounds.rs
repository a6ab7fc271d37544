//! Bounds of what one request reads, computes and returns.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use waygate::{
    admin::Credentials,
    audit::{AuditEntry, AuditQuery},
    model::Revision,
    port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, MemoryBackend},
};

use super::{super::support::Server, definition, patch};

/// A store that counts the bytes of the entries that it returns, by query.
#[derive(Debug, Clone, Default)]
struct Metered {
    store: MemoryBackend,
    reads: Arc<Mutex<Vec<usize>>>,
}

impl Metered {
    /// The bytes of each read since the last call.
    fn reads(&self) -> Vec<usize> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }
}

impl Backend for Metered {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        self.store.load()
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        self.store.commit(batch)
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        self.store.changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async move {
            let entries = self.store.audit(query).await?;
            let bytes = entries.iter().map(|it| json!(it).to_string().len());
            self.reads.lock().unwrap().push(bytes.sum());
            Ok(entries)
        })
    }

    fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
        self.store.count_audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.store.health()
    }
}

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_history_reads_no_more_than_its_bound() {
    let store = Metered::default();
    let server = Server::on(store.clone(), Credentials::new("admin", "secret")).await;
    let included: Vec<String> = (0..8_600).map(|at| format!("{at:0>500}")).collect();
    for name in ["a", "b", "c", "d", "e"] {
        let segment = json!({ "name": name, "included": included });
        server.put("/api/segments/beta", segment).await.expect(200);
    }
    store.reads();
    let listed = server.get("/api/segments/beta/history").await.expect(200);
    // An entry has 4 MiB before and 4 MiB after the change.
    let listed = listed.as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|it| &it["new"]["name"]).collect();
    assert_eq!(names, ["e", "d"]);
    let reads = store.reads();
    assert!(reads.iter().sum::<usize>() < 25 * MIB, "{reads:?}");
    let rest = server
        .get("/api/segments/beta/history?offset=2&limit=1")
        .await;
    assert_eq!(rest.expect(200)[0]["new"]["name"], "c");
}

#[tokio::test]
async fn an_entry_is_found_by_one_read_of_one_entry() {
    let store = Metered::default();
    let server = Server::on(store.clone(), Credentials::new("admin", "secret")).await;
    let flag = definition("search");
    server.post("/api/flags", flag).await.expect(201);
    for at in 0..120 {
        let body = json!({ "description": format!("{at}") });
        patch(&server, "/api/flags/search", body).await.expect(200);
    }
    let oldest = server.get("/api/flags/search/history?offset=120").await;
    let oldest = oldest.expect(200)[0]["id"].as_str().unwrap().to_owned();
    let unknown = "0b8955c8-622a-45a8-8fd8-0e57924ec972";
    for (id, status, reads, bytes) in [
        (oldest.as_str(), 200, 1, 2_000),
        (unknown, 404, 1, 0),
        ("x", 404, 0, 0),
    ] {
        store.reads();
        let path = format!("/api/flags/search/difference?from={id}");
        let answer = server.get(&path).await;
        assert_eq!(answer.status, status, "{id}");
        let read = store.reads();
        assert_eq!(read.len(), reads, "{id}: {read:?}");
        assert!(read.iter().sum::<usize>() <= bytes, "{id}: {read:?}");
    }
    // The entry of another flag is none of this one.
    let other = definition("other");
    server.post("/api/flags", other).await.expect(201);
    let path = format!("/api/flags/other/difference?from={oldest}");
    server.get(&path).await.refused(404);
}

fn users(count: usize, bytes: usize) -> Vec<Value> {
    (0..count)
        .map(|at| json!({ "key": format!("{at:0>bytes$}") }))
        .collect()
}

#[tokio::test]
async fn previews_of_segments_are_bounded_and_say_so() {
    let server = Server::start().await;
    let beta = json!({ "key": "beta", "name": "Beta" });
    server.post("/api/segments", beta).await.expect(201);
    for at in 10..40 {
        let mut flag = definition(&format!("flag-{at}"));
        flag["rules"] = json!([{
            "clauses": [{ "attribute": "key", "operator": "in_segment", "values": ["beta"] }], "variation": "on",
        }]);
        flag["fallthrough"] = json!("off");
        server.post("/api/flags", flag).await.expect(201);
    }
    let preview = async |contexts: Vec<Value>| {
        let clause = json!({ "attribute": "key", "operator": "starts_with", "values": ["0"] });
        let rules = json!([{ "clauses": [clause] }]);
        let ask = json!({ "patch": { "rules": rules }, "contexts": contexts });
        let answer = server.post("/api/segments/beta/preview", ask).await;
        let bytes = answer.body.len();
        (answer.expect(200), bytes)
    };
    let listed = |preview: &Value| -> usize {
        let flags = preview["flags"].as_array().unwrap().iter();
        flags
            .map(|it| it["changes"].as_array().unwrap().len())
            .sum()
    };
    let (few, _) = preview(users(10, 10)).await;
    assert_eq!(
        (&few["truncated"], &few["changed_flags"]),
        (&json!(false), &json!(30))
    );
    assert_eq!(listed(&few), 300);

    // Many changes, and large ones.
    for (contexts, most) in [(users(200, 10), 1_000), (users(200, 8_000), 300)] {
        let (many, bytes) = preview(contexts).await;
        assert_eq!(
            (&many["truncated"], &many["changed_flags"]),
            (&json!(true), &json!(30))
        );
        let flags = many["flags"].as_array().unwrap();
        assert_eq!(flags.len(), 30);
        for flag in flags {
            assert_eq!(
                (&flag["evaluated"], &flag["changed"]),
                (&json!(200), &json!(200))
            );
        }
        assert!((200..=most).contains(&listed(&many)), "{}", listed(&many));
        assert!(bytes < 5 * MIB, "{bytes}");
    }
}

#[tokio::test]
async fn previews_of_flags_are_bounded_and_say_so() {
    let server = Server::start().await;
    let flag = definition("search");
    server.post("/api/flags", flag).await.expect(201);
    let preview = async |contexts: Vec<Value>| {
        let ask = json!({ "patch": { "fallthrough": "on", "off_variation": "on" }, "contexts": contexts });
        let answer = server.post("/api/flags/search/preview", ask).await;
        let bytes = answer.body.len();
        (answer.expect(200), bytes)
    };
    let (few, _) = preview(users(100, 10)).await;
    assert_eq!(few["truncated"], false);
    for contexts in [users(10_000, 10), users(900, 8_000)] {
        let count = contexts.len();
        let (many, bytes) = preview(contexts).await;
        assert_eq!(
            (&many["truncated"], &many["evaluated"]),
            (&json!(true), &json!(count))
        );
        assert!(bytes < 3 * MIB, "{bytes}");
    }
}

#[test]
fn previews_are_computed_on_threads_for_blocking_work() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    for segment in [false, true] {
        runtime.block_on(async {
            let server = Server::with(Credentials::none()).await;
            let flag = definition("search");
            server.post("/api/flags", flag).await.expect(201);
            let beta = json!({ "key": "beta", "name": "Beta" });
            server.post("/api/segments", beta).await.expect(201);
            // An idle thread is used again, so the others are kept busy.
            let before = started.load(Ordering::SeqCst);
            let (free, wait) = std::sync::mpsc::channel::<()>();
            let wait = Arc::new(Mutex::new(wait));
            let busy: Vec<_> = (0..before)
                .map(|_| {
                    let wait = wait.clone();
                    tokio::task::spawn_blocking(move || wait.lock().unwrap().recv().is_ok())
                })
                .collect();
            let ask = json!({ "patch": {}, "contexts": users(10, 10) });
            let path = match segment {
                false => "/api/flags/search/preview",
                true => "/api/segments/beta/preview",
            };
            server.post(path, ask).await.expect(200);
            drop(free);
            for task in busy {
                task.await.unwrap();
            }
            assert_eq!(started.load(Ordering::SeqCst), before + 1);
        });
    }
}
