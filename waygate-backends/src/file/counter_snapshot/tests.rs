use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterKey},
};

use super::*;

const START: Nanos = 1_800_000_000 * SECOND;

/// Sends one request to a window of a minute with a capacity of 1.
fn passes(counters: &MemoryCounters, key: &str) -> bool {
    let rule = Rule::Quota(Quota::FixedWindow {
        capacity: 1,
        period: 60 * SECOND,
    });
    let counter_key = CounterKey::new("GET:/a", "per client", 0, 0);
    let charge = Charge::new(&counter_key, key.as_bytes(), &rule);
    counters.charge_one_at(&charge, START).allowed
}

fn process(path: &Path) -> (MemoryCounters, CounterSnapshot) {
    let counters = MemoryCounters::new();
    let snapshot = CounterSnapshot::open(path, &counters, START).unwrap();
    (counters, snapshot)
}

#[test]
fn an_exhausted_limit_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counters");
    let (counters, snapshot) = process(&path);
    assert_eq!(*snapshot.restored(), Restored::default());
    snapshot.write(START).unwrap();
    assert!(!path.exists(), "nothing was counted yet");
    assert!(passes(&counters, "a"));
    snapshot.write(START).unwrap();
    // Counted after the last write, and kept by an orderly shutdown.
    assert!(passes(&counters, "b"));
    drop(snapshot);
    let (counters, snapshot) = process(&path);
    assert_eq!(snapshot.restored().counters, 2);
    assert!(!passes(&counters, "a") && !passes(&counters, "b"));
    assert!(passes(&counters, "c"));
}

#[cfg(unix)]
#[test]
fn file_is_private_and_written_on_change() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counters");
    let (counters, snapshot) = process(&path);
    passes(&counters, "a");
    // A leftover of a crash is replaced, even a link.
    std::os::unix::fs::symlink("/dev/null", dir.path().join("counters.next")).unwrap();
    snapshot.write(START).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.mode() & 0o777, 0o600);
    snapshot.write(START).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), found.ino());
    passes(&counters, "b");
    snapshot.write(START).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), found.ino());
    assert!(!dir.path().join("counters.next").exists());
}

#[test]
fn the_first_of_two_processes_owns_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counters");
    let (first, kept) = process(&path);
    passes(&first, "a");
    kept.write(START).unwrap();
    let (second, waiting) = process(&path);
    assert!(
        !passes(&second, "a"),
        "it does not give out again what the first one has"
    );
    assert!(passes(&second, "b"));
    let refused = waiting.write(START).unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
    drop(kept);
    waiting.write(START).unwrap();
    drop(waiting);
    let (third, _snapshot) = process(&path);
    assert!(!passes(&third, "a") && !passes(&third, "b"));
}

#[test]
fn a_damaged_file_is_reported_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("counters");
    let (counters, snapshot) = process(&path);
    passes(&counters, "a");
    drop(snapshot);
    let whole = fs::read(&path).unwrap();
    for damaged in [&b""[..], &[0; 64], &whole[..whole.len() - 1], &whole[..4]] {
        fs::write(&path, damaged).unwrap();
        let (counters, snapshot) = process(&path);
        let fault = snapshot.restored().fault.clone().unwrap();
        assert!(fault.contains("limits start at zero"), "{fault}");
        assert!(passes(&counters, "a"));
        snapshot.write(START).unwrap();
        drop(snapshot);
        let (_, snapshot) = process(&path);
        assert_eq!(snapshot.restored().fault, None);
    }
}

#[test]
fn a_foreign_file_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.json.audit.jsonl");
    for other in ["{}\n", "WGCOUNTS are something else", "0"] {
        fs::write(&path, other).unwrap();
        let counters = MemoryCounters::new();
        let refused = CounterSnapshot::open(&path, &counters, START).unwrap_err();
        let BackendError::Misconfigured(text) = &refused else {
            panic!("{refused:?}");
        };
        assert!(text.contains("it holds something else"), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
}

#[test]
fn an_unusable_path_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let counters = MemoryCounters::new();
    for path in [dir.path().to_owned(), dir.path().join("gone/counters")] {
        let refused = CounterSnapshot::open(path, &counters, START).unwrap_err();
        assert!(
            matches!(refused, BackendError::Misconfigured(_)),
            "{refused}"
        );
    }
}

#[cfg(unix)]
#[test]
fn file_is_beside_the_target_of_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let [app, one, two] = ["app", "one", "two"].map(|name| dir.path().join(name));
    for dir in [&app, &one, &two] {
        fs::create_dir(dir).unwrap();
    }
    let link = app.join("state.json");
    let counters = MemoryCounters::new();
    std::os::unix::fs::symlink("../one/state.json", &link).unwrap();
    let snapshot = CounterSnapshot::beside_state(&link, &counters, START).unwrap();
    passes(&counters, "a");
    snapshot.write(START).unwrap();
    assert!(one.join("state.json.counters").exists());
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../two/state.json", &link).unwrap();
    snapshot.write(START).unwrap();
    assert!(two.join("state.json.counters").exists());
}
