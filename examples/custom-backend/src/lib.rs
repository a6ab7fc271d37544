//! Waygate's state in SQLite: a backend that only depends on `waygate-core`.
//!
//! Three tables mirror the port: one row for the epoch and revision, one row per entity, one row per audit entry. A
//! batch is a transaction. Several processes can share the database.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::{
    sync::{Mutex, watch},
    task, time,
};
use tokio_stream::wrappers::WatchStream;
use waygate_core::{
    model::{AuditEntry, Epoch, Revision},
    port::{
        AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Entity,
        Expected, Image,
    },
};

use crate::failure::{Failure, corrupt, interrupted};

mod failure;

/// The interval of polling for commits of other processes.
const POLL: Duration = Duration::from_millis(500);

/// State in an SQLite database. Clones share one connection.
#[derive(Debug, Clone)]
pub struct SqliteBackend(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Arc<Mutex<Connection>>,
    hints: watch::Sender<Revision>,
}

impl SqliteBackend {
    /// Opens a database, or creates it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`BackendError`] if the file cannot be opened or is not a database.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, BackendError> {
        let path = path.into();
        let opened = task::spawn_blocking(move || {
            let mut database = Connection::open(path)?;
            database.busy_timeout(Duration::from_secs(5))?;
            // `FULL` makes a commit durable before it is acknowledged.
            database.pragma_update(None, "journal_mode", "WAL")?;
            database.pragma_update(None, "synchronous", "FULL")?;
            let transaction = writing(&mut database)?;
            transaction.execute_batch(include_str!("schema.sql"))?;
            let epoch = Epoch::random().to_string();
            transaction.execute("INSERT OR IGNORE INTO store VALUES (1, ?1, 0)", [epoch])?;
            let revision = revision(&transaction)?;
            transaction.commit()?;
            Ok::<_, Failure>((database, revision))
        });
        let (database, revision) = opened.await.map_err(interrupted)??;
        let shared = Arc::new(Shared {
            database: Arc::new(Mutex::new(database)),
            hints: watch::Sender::new(revision),
        });
        task::spawn(poll(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }
}

impl Shared {
    /// Runs `work` on a blocking thread. It completes even if the caller stops waiting.
    async fn with_database<T: Send + 'static, E: From<BackendError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let mut database = Arc::clone(&self.database).lock_owned().await;
        let work = task::spawn_blocking(move || work(&mut database));
        work.await.map_err(interrupted)?
    }

    /// Notifies the streams, unless a later commit was faster.
    fn hint(&self, revision: Revision) {
        self.hints.send_if_modified(|known| {
            let is_news = revision.is_newer_than(known);
            if is_news {
                *known = revision;
            }
            is_news
        });
    }
}

impl Backend for SqliteBackend {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { Ok(self.0.with_database(image).await?) })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async {
            let work = move |database: &mut Connection| commit(database, &batch);
            let revision = self.0.with_database(work).await?;
            self.0.hint(revision);
            Ok(revision)
        })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        Box::pin(WatchStream::from_changes(self.0.hints.subscribe()))
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        let work = move |database: &mut Connection| audit(database, &query);
        Box::pin(async { Ok(self.0.with_database(work).await?) })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        // Acquiring the write lock is enough to know that a commit could succeed.
        let work = |database: &mut Connection| Ok::<_, Failure>(writing(database)?.rollback()?);
        Box::pin(async move { Ok(self.0.with_database(work).await?) })
    }
}

fn writing(database: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    database.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn revision(transaction: &Transaction<'_>) -> Result<Revision, Failure> {
    let query = "SELECT epoch, revision FROM store";
    let (epoch, number): (String, i64) = transaction.query_row(query, [], |row| row.try_into())?;
    Ok(Revision {
        epoch: epoch.parse().map_err(corrupt)?,
        number: u64::try_from(number).map_err(corrupt)?,
    })
}

fn image(database: &mut Connection) -> Result<Image, Failure> {
    let transaction = database.transaction()?;
    let revision = revision(&transaction)?;
    let mut rows = transaction.prepare("SELECT key, revision, value FROM entity")?;
    let rows = rows.query_map([], |row| <(String, i64, String)>::try_from(row))?;
    let entities = rows.map(|row| {
        let (key, revision, value) = row?;
        let entity = Entity::new(
            u64::try_from(revision).map_err(corrupt)?,
            serde_json::from_str(&value).map_err(corrupt)?,
        );
        Ok::<_, Failure>((key.as_str().into(), entity))
    });
    Ok(Image::new(revision, entities.collect::<Result<_, _>>()?))
}

fn commit(database: &mut Connection, batch: &Batch) -> Result<Revision, CommitError> {
    batch.check()?;
    let transaction = writing(database).map_err(Failure::from)?;
    if let Some(expected) = batch.expected_epoch {
        let revision = revision(&transaction)?;
        if revision.epoch != expected {
            let found = (revision.number > 0).then_some(revision.epoch);
            return Err(CommitError::Replaced { expected, found });
        }
    }
    for (key, expected) in &batch.expected {
        let found = found(&transaction, key.as_str())?;
        if found != *expected {
            return Err(CommitError::Conflict {
                key: key.clone(),
                expected: *expected,
                found,
            });
        }
    }
    let revision = apply(&transaction, batch)?;
    transaction.commit().map_err(Failure::from)?;
    Ok(revision)
}

fn found(transaction: &Transaction<'_>, key: &str) -> Result<Expected, Failure> {
    let query = "SELECT revision FROM entity WHERE key = ?1";
    let found: Option<i64> = transaction
        .query_row(query, [key], |row| row.get(0))
        .optional()?;
    found.map_or(Ok(Expected::Absent), |revision| {
        Ok(Expected::Revision(
            u64::try_from(revision).map_err(corrupt)?,
        ))
    })
}

fn apply(transaction: &Transaction<'_>, batch: &Batch) -> Result<Revision, Failure> {
    transaction.execute("UPDATE store SET revision = revision + 1", [])?;
    let revision = revision(transaction)?;
    for key in &batch.deletes {
        transaction.execute("DELETE FROM entity WHERE key = ?1", [key.as_str()])?;
    }
    let mut put =
        transaction.prepare("INSERT OR REPLACE INTO entity SELECT ?1, revision, ?2 FROM store")?;
    for (key, value) in &batch.puts {
        put.execute(params![key.as_str(), value.to_string()])?;
    }
    let mut note =
        transaction.prepare("INSERT INTO audit (path, service, entry) VALUES (?1, ?2, ?3)")?;
    for entry in &batch.audit {
        let mut entry = entry.clone();
        entry.revision = revision.number;
        let text = serde_json::to_string(&entry).map_err(corrupt)?;
        note.execute(params![entry.path, entry.service, text])?;
    }
    Ok(revision)
}

fn audit(database: &mut Connection, query: &AuditQuery) -> Result<Vec<AuditEntry>, Failure> {
    let mut rows = database.prepare(
        "SELECT entry FROM audit
         WHERE (?1 IS NULL OR path = ?1) AND (?2 IS NULL OR service = ?2)
           AND (?3 IS NULL OR json_extract(entry, '$.id') = ?3)
           AND (?4 IS NULL OR json_extract(entry, '$.revision') > ?4
             OR ?5 IS NOT NULL AND json_extract(entry, '$.revision') = ?4 AND nr > coalesce(
               (SELECT nr FROM audit WHERE json_extract(entry, '$.revision') = ?4
                  AND json_extract(entry, '$.id') = ?5), 0))
         ORDER BY iif(?6, nr, -nr)",
    )?;
    let id = query.id.map(|id| id.to_string());
    // The log keeps every entry, so that `Batch::keep_audit_from` has no effect here.
    let after = query.after;
    let commit = after.map(|place| i64::try_from(place.revision).unwrap_or(i64::MAX));
    let entry = after.and_then(|place| place.entry).map(|id| id.to_string());
    let (path, service, oldest) = (&query.path, &query.service, query.oldest_first);
    let filters = params![path, service, id, commit, entry, oldest];
    let rows = rows.query_map(filters, |row| row.get::<_, String>(0))?;
    let (mut page, mut bytes, mut skip) = (Vec::new(), 0, query.offset);
    for row in rows {
        if page.len() >= query.limit {
            break;
        }
        let text = row?;
        let entry: AuditEntry = serde_json::from_str(&text).map_err(corrupt)?;
        // Filters without a column, such as the actor and the time.
        if !query.matches(&entry) {
            continue;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        bytes += text.len();
        page.push(entry);
        if query.max_bytes.is_some_and(|most| bytes >= most) {
            break;
        }
    }
    Ok(page)
}

/// Sends hints about commits of other processes, for as long as the backend is in use.
async fn poll(shared: Weak<Shared>) {
    let mut ticks = time::interval(POLL);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let look = |database: &mut Connection| revision(&database.transaction()?);
        // `health` reports errors of the database.
        if let Ok(revision) = shared.with_database(look).await {
            shared.hint(revision);
        }
    }
}
