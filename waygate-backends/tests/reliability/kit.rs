use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Write as _},
    fs,
    future::Future,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tracing::{
    Event, Metadata,
    field::{Field, Visit},
    span,
};
use waygate_backends::{FileBackend, FileBackendBuilder};
use waygate_core::{
    model::{Action, AuditEntry, Origin},
    port::{AuditQuery, Backend, Batch, EntityKey},
};

pub(crate) const FORMATS: [&str; 3] = ["json", "yaml", "toml"];

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // One thread, because `strace` counts the calls of each thread separately.
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Returns a number from the environment, for longer runs.
pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
        Err(_) => usual,
    }
}

/// Random numbers that `WAYGATE_TEST_SEED` repeats.
pub(crate) fn random(topic: &str) -> fastrand::Rng {
    let seed = setting("WAYGATE_TEST_SEED", fastrand::u64(..));
    println!("{topic}: WAYGATE_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// A state file in its own directory.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    name: String,
}

impl Place {
    pub(crate) fn new(format: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("state.{format}");
        Self { dir, name }
    }

    pub(crate) fn main(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.dir.path().join(format!("{}{suffix}", self.name))
    }

    /// Writes the state file in one step, so that no poll sees half of it.
    pub(crate) fn replace(&self, text: &str) {
        let other = self.dir.path().join("other");
        fs::write(&other, text).unwrap();
        fs::rename(other, self.main()).unwrap();
    }

    pub(crate) fn options(&self) -> FileBackendBuilder {
        FileBackend::builder(self.main()).poll_interval(Duration::from_millis(5))
    }

    pub(crate) async fn open(&self) -> FileBackend {
        self.options().open().await.unwrap()
    }

    /// Opens a store that does not poll the file, to prepare one. A poll may outlive a store that is dropped, and undo
    /// what a test does to the files.
    pub(crate) async fn open_quietly(&self) -> FileBackend {
        let options = self.options().poll_interval(Duration::from_secs(3_600));
        options.open().await.unwrap()
    }

    /// The names in the directory that contain a text.
    pub(crate) fn names(&self, part: &str) -> Vec<String> {
        names_in(self.dir.path(), part)
    }
}

pub(crate) fn names_in(dir: &Path, part: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.contains(part)).collect();
    names.sort();
    names
}

pub(crate) fn entry(path: &str) -> AuditEntry {
    let time = "2030-01-01T00:00:00Z".parse().unwrap();
    AuditEntry::new(&Origin::new("ada", "cli"), Action::Disable, path, time)
}

/// Puts a value and notes it under the path `/key`.
pub(crate) fn put(key: &str, value: impl Into<Value>) -> Batch {
    Batch::new()
        .put(EntityKey::from(key), value.into())
        .audit(entry(&format!("/{key}")))
}

pub(crate) async fn commit(store: &impl Backend, batch: Batch) -> u64 {
    store.commit(batch).await.unwrap().number
}

pub(crate) async fn values(store: &impl Backend) -> BTreeMap<String, Value> {
    let entities = store.load().await.unwrap().entities.into_iter();
    entities
        .map(|(key, entity)| (key.to_string(), entity.value))
        .collect()
}

pub(crate) async fn number(store: &impl Backend) -> u64 {
    store.load().await.unwrap().revision.number
}

/// Returns the revisions in the log, newest first.
pub(crate) async fn logged(store: &impl Backend) -> Vec<u64> {
    let log = store.audit(AuditQuery::newest(usize::MAX)).await.unwrap();
    log.iter().map(|entry| entry.revision).collect()
}

/// Waits until another task or thread makes a condition true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    waited.unwrap_or_else(|_| panic!("not within 20 s: {what}"));
}

static LOGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Counts the logged errors and warnings that contain all of these texts.
pub(crate) fn logs(parts: &[&str]) -> usize {
    let logs = LOGS.lock().unwrap();
    let found = logs
        .iter()
        .filter(|line| parts.iter().all(|part| line.contains(part)));
    found.count()
}

pub(crate) fn record_logs() {
    tracing::subscriber::set_global_default(Recorder).unwrap();
}

struct Recorder;

impl tracing::Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let _ = write!(self.0, " {field}={value:?}");
            }
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LOGS.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The maximum and the median of some durations.
pub(crate) struct Spread(pub(crate) Vec<Duration>);

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let greatest = sorted.last().copied().unwrap_or_default();
        write!(f, "median {middle:.1?}, greatest {greatest:.1?}")
    }
}
