//! Counters that survive a restart of the process.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;
use waygate::{Waygate, health::Component, port::FileBackend, testing::TestApp};

use crate::{
    boot_cache::Directory,
    limits::set,
    support::{app, builder},
};

const CHILD: &str = "WAYGATE_TEST_CHILD";

/// An engine with a limit of two requests an hour on `GET:/search`.
async fn process(path: &Path) -> (Waygate, TestApp) {
    let waygate = builder().counter_snapshot(path).build().await.unwrap();
    let app = limited(&waygate).await;
    (waygate, app)
}

async fn limited(waygate: &Waygate) -> TestApp {
    let app = app(waygate, &["GET:/search"]).await;
    let limit = json!({"limit": "2/hour", "key_strategy": "global"});
    set(waygate, "GET:/search#default", limit).await;
    app
}

async fn status(app: &TestApp) -> u16 {
    app.get("/search").await.status().as_u16()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30), "not yet: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn cause(waygate: &Waygate) -> Option<String> {
    let health = waygate.health();
    let degraded = health.get(&Component::CounterSnapshot);
    degraded.map(|degraded| degraded.cause.clone())
}

#[tokio::test]
async fn a_used_up_limit_stays_used_up_after_a_restart() {
    let directory = Directory::new();
    let path = directory.0.join("counters");
    let (first, requests) = process(&path).await;
    assert_eq!(
        [status(&requests).await, status(&requests).await],
        [200, 200]
    );
    assert_eq!(cause(&first), None);
    drop((first, requests));
    let (second, requests) = process(&path).await;
    assert_eq!(status(&requests).await, 429);
    assert_eq!(cause(&second), None);
    // Without the file, counters start at zero.
    let other = directory.0.join("other");
    let (_, requests) = process(&other).await;
    assert_eq!(status(&requests).await, 200);
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_replaced() {
    let directory = Directory::new();
    let path = directory.0.join("counters");
    fs::write(&path, "WGCOUNT\ngarbage").unwrap();
    let (waygate, requests) = process(&path).await;
    let said = cause(&waygate).unwrap();
    assert!(said.contains("limits start at zero"), "{said}");
    assert_eq!(status(&requests).await, 200);
    until("the file is written", || {
        fs::read(&path).is_ok_and(|bytes| !bytes.ends_with(b"garbage"))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(cause(&waygate), Some(said), "health no longer shows it");
}

#[tokio::test]
async fn only_one_process_writes_the_file() {
    let directory = Directory::new();
    let path = directory.0.join("counters");
    let first = process(&path).await;
    let (second, _requests) = process(&path).await;
    until("the second process says so", || {
        cause(&second).is_some_and(|said| said.starts_with("another process keeps its counters"))
    })
    .await;
    drop(first);
    until("the second process keeps its counters", || {
        cause(&second).is_none()
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_reported() {
    let directory = Directory::new();
    let path = directory.0.join("counters");
    let (waygate, requests) = process(&path).await;
    fs::create_dir(directory.0.join("counters.next")).unwrap();
    status(&requests).await;
    until("health says so", || {
        cause(&waygate).is_some_and(|said| said.starts_with("the counters cannot be kept"))
    })
    .await;
    fs::remove_dir(directory.0.join("counters.next")).unwrap();
    until("it is kept", || cause(&waygate).is_none() && path.exists()).await;
}

/// Runs this program as a service with only `WAYGATE_BACKEND=file` set. The iterator sends requests, and returns
/// their statuses.
fn service(directory: &Path) -> (Child, impl Iterator<Item = u16>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "counter_snapshot::in_a_child", "--nocapture"])
        .current_dir(directory)
        .env(CHILD, "1")
        .env("WAYGATE_BACKEND", "file")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok);
    let statuses = said.filter_map(|line| line.strip_prefix("STATUS ")?.parse().ok());
    (child, statuses)
}

#[tokio::test]
async fn in_a_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let builder = Waygate::from_env().unwrap().allow_unmounted("");
    let waygate = builder.build().await.unwrap();
    let app = limited(&waygate).await;
    loop {
        println!("STATUS {}", status(&app).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_used_up_limit_stays_used_up_after_kill_9() {
    let directory = Directory::new();
    let (mut first, mut said) = service(&directory.0);
    let passed = said.by_ref().take_while(|status| *status == 200).count();
    assert_eq!(passed, 2);
    // The second file written from now on contains all of it.
    let file = directory.0.join("waygate-state.json.counters");
    let written = || fs::metadata(&file).and_then(|file| file.modified()).ok();
    let mut seen: Vec<Option<SystemTime>> = vec![written()];
    let begin = Instant::now();
    while seen.len() < 4 {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "nothing was written"
        );
        said.next().expect("the service has ended");
        if seen.last() != Some(&written()) {
            seen.push(written());
        }
    }
    first.kill().unwrap();
    first.wait().unwrap();

    let (mut second, mut said) = service(&directory.0);
    let first_answer = said.next();
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(first_answer, Some(429));
}

#[tokio::test]
async fn the_file_backend_keeps_counters_beside_the_state() {
    use waygate::port::FileBackend;
    let directory = Directory::new();
    let state = directory.0.join("state.json");
    let counters = directory.0.join("state.json.counters");
    let open = async || builder().backend(FileBackend::open(&state).await.unwrap());
    let status_of = async |waygate: &Waygate| status(&limited(waygate).await).await;
    // No file is written if it is disabled.
    let waygate = open()
        .await
        .without_counter_snapshot()
        .build()
        .await
        .unwrap();
    assert_eq!(status_of(&waygate).await, 200);
    drop(waygate);
    assert!(!counters.exists());
    let waygate = open().await.build().await.unwrap();
    let requests = limited(&waygate).await;
    assert_eq!(
        [status(&requests).await, status(&requests).await],
        [200, 200]
    );
    until("they are kept", || counters.exists()).await;
    assert_eq!(cause(&waygate), None);
    drop((waygate, requests));
    let waygate = open().await.build().await.unwrap();
    assert_eq!(status_of(&waygate).await, 429);
    drop(waygate);
    let shared = std::sync::Arc::new(FileBackend::open(&state).await.unwrap());
    let waygate = builder().backend(shared).build().await.unwrap();
    assert_eq!(status_of(&waygate).await, 429);
}

#[tokio::test]
async fn state_and_counters_need_different_files() {
    let directory = Directory::new();
    let state = directory.0.join("state.json");
    for (name, fine) in [
        ("state.json", false),
        ("state.json.1", false),
        ("state.json.audit.jsonl", false),
        ("./state.json.lock", false),
        ("state.json.counters", true),
        ("counters", true),
    ] {
        let backend = FileBackend::open(&state).await.unwrap();
        let builder = Waygate::builder().backend(backend);
        let built = builder
            .counter_snapshot(directory.0.join(name))
            .build()
            .await;
        assert_eq!(built.is_ok(), fine, "{name}");
        let error = built.err().map(|error| error.to_string());
        let says_why = |error: &String| error.contains("this file holds the state");
        assert!(error.as_ref().is_none_or(says_why), "{error:?}");
    }
}

/// The lines about stores in the report.
fn stores(waygate: &Waygate) -> [String; 2] {
    let report = waygate.report().to_string();
    let line = |what: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(what));
        line.unwrap().trim().to_owned()
    };
    [line("state:"), line("counters:")]
}

#[tokio::test]
async fn the_report_names_the_counter_file_and_whether_the_state_is_new() {
    use crate::log::Log;
    use waygate::port::FileBackend;
    let directory = Directory::new();
    let state = directory.0.join("state.json");
    let shown = state.display();
    let (log, _logging) = Log::of_this_thread();
    let open = async || {
        let backend = FileBackend::open(&state).await.unwrap();
        builder().backend(backend).build().await.unwrap()
    };
    let first = open().await;
    assert_eq!(
        stores(&first),
        [
            format!("file `{shown}` (new state file: the first change creates it)"),
            format!("in memory, kept in file `{shown}.counters`"),
        ]
    );
    let said = |log: &Log| {
        log.lines()
            .iter()
            .filter(|line| line.contains("no state file found"))
            .count()
    };
    assert_eq!(said(&log), 1, "{:?}", log.lines());
    let key = "GET:/x".parse().unwrap();
    first
        .register(key, waygate::model::RouteState::default())
        .await
        .unwrap();
    first.system().disable("GET:/x", "").await.unwrap();
    let second = open().await;
    assert_eq!(
        stores(&second),
        [
            format!("file `{shown}`"),
            format!(
                "in memory only: another process keeps its counters in file `{shown}.counters`"
            ),
        ]
    );
    assert_eq!(said(&log), 1);
}
