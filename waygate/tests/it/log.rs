//! Log output: text from stores and clients cannot end a line, drive a terminal, or fill a disk.

use std::{
    fmt::{Debug, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{
    Dispatch, Event, Metadata,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};
use waygate::{
    audit::{AuditEntry, AuditQuery},
    model::{Revision, RouteState},
    port::{Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image},
};
use waygate_backends::MemoryBackend;
use waygate_core::port::Entity;

use crate::support::builder;

/// The fields of all events of this thread, as subscribers receive them.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Captures the log of this thread until the guard is dropped.
    pub(crate) fn of_this_thread() -> (Self, DefaultGuard) {
        // With a single subscriber, tracing caches the interest of the first thread that reaches an event: none, in
        // other tests.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Log::default())));
        LazyLock::force(&OTHERS);
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("waygate")
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                write!(self.0, " {field}={value:?}").unwrap();
            }

            // Some subscribers write strings unescaped.
            fn record_str(&mut self, field: &Field, value: &str) {
                write!(self.0, " {field}={value}").unwrap();
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Ends the line, forges another one, clears the screen, reverses the reading direction, and is very long.
pub(crate) fn hostile() -> String {
    format!(
        "x\r\nERROR forged=1\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{7f}\0{}",
        "y".repeat(100_000)
    )
}

#[track_caller]
pub(crate) fn is_harmless(lines: &[String]) {
    for line in lines {
        let start: String = line.chars().take(300).collect();
        let hidden = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
        assert!(!line.contains(hidden), "{start:?}");
        assert!(line.len() < 10_000, "{} bytes: {start:?}", line.len());
    }
}

/// A store with hostile errors and records, such as a broken or compromised one.
#[derive(Debug, Clone, Default)]
struct Hostile {
    store: MemoryBackend,
    fails: Arc<AtomicBool>,
}

impl Hostile {
    fn error(&self) -> Result<(), BackendError> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(BackendError::NotWritable(hostile())),
            false => Ok(()),
        }
    }
}

impl Backend for Hostile {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async move {
            self.error()?;
            let mut image = self.store.load().await?;
            let entity = Entity::new(image.revision.number, hostile().into());
            for key in ["route/GET:/a", &hostile()] {
                image.entities.push((key.into(), entity.clone()));
            }
            Ok(image)
        })
    }

    fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
        Box::pin(async { Err(BackendError::Corrupt(hostile())) })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            self.error()?;
            self.store.commit(batch).await
        })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        self.store.changes()
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        self.store.audit(query)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.error() })
    }
}

#[tokio::test]
async fn texts_of_stores_cannot_forge_log_lines() {
    let (log, _guard) = Log::of_this_thread();
    let backend = Hostile::default();
    let waygate = builder().backend(backend.clone()).build().await.unwrap();
    waygate
        .register("GET:/a".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    backend.fails.store(true, Ordering::SeqCst);
    waygate.system().disable("GET:/a", "x").await.unwrap_err();
    let lines = log.lines();
    is_harmless(&lines);
    for (field, what) in [
        ("cause=", "x\\r\\nERROR forged=1\\u{1b}[2J"),
        ("error=", "the store is corrupt: x\\r\\n"),
    ] {
        let is_there = |line: &String| line.contains(field) && line.contains(what);
        assert!(lines.iter().any(is_there), "{what} in {lines:?}");
    }
    is_harmless(
        &waygate
            .report()
            .to_string()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
}

fn broken(_: &waygate::Blocked) -> &'static str {
    panic!("a mistake")
}

#[tokio::test]
async fn texts_of_clients_cannot_forge_log_lines() {
    use axum::{Router, body::Body, extract::Request, routing::get};
    use tower::ServiceExt;

    let (log, _guard) = Log::of_this_thread();
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/{name}", get(async || "served"));
    let guarded = waygate.guard(router).await.unwrap();
    waygate.system().disable("GET:/{name}", "x").await.unwrap();
    let responses = waygate::Responses::new().disabled(broken);
    let router = guarded.responses(responses).into_router();
    // Text that a URI may contain unescaped.
    let path = format!("/a\"forged=\u{202e}{}", "y".repeat(60_000));
    let request = Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 503);
    let lines = log.lines();
    is_harmless(&lines);
    let path = r#"path="/a\"forged=\u{202e}y"#;
    assert!(lines.iter().any(|line| line.contains(path)), "{lines:?}");
}

/// The source files of the published crates.
fn sources() -> Vec<PathBuf> {
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for package in ["waygate", "waygate-backends", "waygate-core"] {
        collect(&workspace.join(package).join("src"), &mut files);
    }
    files
}

/// The arguments of each event, split at commas outside of strings and parentheses.
fn events(source: &str) -> Vec<Vec<String>> {
    let mut events = Vec::new();
    for (at, _) in source.match_indices("tracing::") {
        let rest = &source[at + "tracing::".len()..];
        let name = rest.split('!').next().unwrap();
        if !["error", "warn", "info", "debug", "trace"].contains(&name) {
            continue;
        }
        let rest = &rest[name.len() + 2..];
        let (mut arguments, mut depth, mut in_text) = (vec![String::new()], 1, false);
        let mut chars = rest.chars();
        while depth > 0 {
            let c = chars.next().unwrap();
            match c {
                '\\' if in_text => {
                    arguments.last_mut().unwrap().push(c);
                    arguments.last_mut().unwrap().push(chars.next().unwrap());
                    continue;
                }
                '"' => in_text = !in_text,
                '(' | '{' | '[' if !in_text => depth += 1,
                ')' | '}' | ']' if !in_text => depth -= 1,
                ',' if !in_text && depth == 1 => {
                    arguments.push(String::new());
                    continue;
                }
                _ => {}
            }
            arguments.last_mut().unwrap().push(c);
        }
        arguments.last_mut().unwrap().pop();
        let arguments = arguments.iter().map(|argument| argument.trim().to_owned());
        events.push(arguments.filter(|argument| !argument.is_empty()).collect());
    }
    events
}

/// Numbers, times, and texts of the code itself.
const HARMLESS: [&str; 21] = [
    "blocked.reason().code()",
    "component",
    "count",
    "found",
    "handler",
    "hash.id()",
    "kept",
    "method",
    "name",
    "now",
    "remedy(&self.fields.key)",
    "restored.counters",
    "restored.expired",
    "restored.left_out",
    "revision",
    "seconds",
    "snapshot.compiled_at",
    "stored.revision",
    "table.revision",
    "path.map(|path| Printable(path.as_str()))",
    "place.line",
];

/// Checking all of them also covers events that are added later.
#[test]
fn every_event_shows_text_through_printable() {
    let mut seen = 0;
    for file in sources() {
        let source = std::fs::read_to_string(&file).unwrap();
        for event in events(&source) {
            seen += 1;
            for argument in &event {
                let fine = if argument.starts_with('"') {
                    !argument.replace("{}", "").contains('{')
                } else {
                    let value = argument
                        .split_once(" = ")
                        .map_or(&**argument, |(_, value)| value);
                    let value = value.trim_start_matches(['%', '?']);
                    value.starts_with("Printable(") || HARMLESS.contains(&value)
                };
                assert!(fine, "{}: `{argument}` in {event:?}", file.display());
            }
        }
    }
    assert!(seen > 50, "{seen} events");
}
