//! The log of an application about its store.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata,
    field::{Field, Visit},
    span,
};

/// The log lines of one runtime, apart from those of other tests.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Builds a runtime that logs here on all its threads.
    pub(crate) fn runtime(&self) -> tokio::runtime::Runtime {
        let log = self.clone();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                // For the lifetime of the thread.
                std::mem::forget(tracing::subscriber::set_default(log.clone()));
            })
            .build()
            .unwrap()
    }

    /// Counts each line logged since the last call, without the text after a colon, since the cause differs.
    pub(crate) fn lines(&self) -> Lines {
        let mut counts = BTreeMap::new();
        for line in &*self.0.lock().unwrap() {
            let line = line.split(':').next().unwrap().to_owned();
            *counts.entry(line).or_default() += 1;
        }
        counts
    }

    pub(crate) fn drain(&self) {
        self.0.lock().unwrap().clear();
    }
}

/// The number of times each line was logged.
pub(crate) type Lines = BTreeMap<String, usize>;

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("waygate") && *metadata.level() <= tracing::Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                match field.name() {
                    "message" => write!(self.0, " {value:?}").unwrap(),
                    "component" => write!(self.0, " ({value:?})").unwrap(),
                    _ => {}
                }
            }
        }
        let mut line = Line(event.metadata().level().to_string());
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
