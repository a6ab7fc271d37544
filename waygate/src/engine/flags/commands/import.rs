use std::sync::Arc;

use waygate_core::{
    Timestamp,
    flag::{
        Problems,
        exchange::{FlagDocument, ImportPlan, PlannedChange, plan},
    },
    model::Action,
    port::Expected,
};

use super::{
    change::{put, subject},
    definition::Definition,
};
use crate::engine::{
    ChangeError, Inner, Operator,
    flags::{FlagError, Flags},
    kinds::{self, Records},
    operator::interrupted,
    store::{Holds, json},
    stored::Stored,
    tx::{Attempt, Change, Tx},
};

impl Flags {
    /// Returns all definitions as a document.
    pub fn export(&self) -> FlagDocument {
        FlagDocument::export(self.records())
    }

    /// Returns the changes that an import would make now.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Flag};
    /// # let waygate = Waygate::builder().build().await?;
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// # }))?;
    /// # waygate.system().create_flag(flag.clone()).await?;
    /// let document = waygate.flags().export();
    /// assert!(waygate.flags().plan(document)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`FlagError::Invalid`] with all problems of all definitions.
    pub fn plan(&self, document: FlagDocument) -> Result<ImportPlan, FlagError> {
        planned(document, self.records(), self.clock().now()).map_err(invalid)
    }
}

impl Operator {
    /// Adds and replaces all flags and segments of a document in one commit: all of them, or none. Definitions that the
    /// document does not have stay, and scheduled changes that are past are left out, with a note. Writes an audit line for each definition that changes. Returns the changes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::exchange::FlagDocument};
    ///
    /// let document = FlagDocument::parse(&json!({"version": 1, "segments": [], "flags": [{
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    /// }]}))?;
    /// let waygate = Waygate::builder().build().await?;
    /// assert_eq!(waygate.flags().plan(document.clone())?.flags.len(), 1);
    /// waygate.system().import_flags(document.clone()).await?;
    /// assert_eq!(waygate.flags().export().flags.len(), 1);
    /// assert!(waygate.system().import_flags(document).await?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::Invalid`] with all problems
    /// of all definitions.
    pub async fn import_flags(&self, document: FlagDocument) -> Result<ImportPlan, ChangeError> {
        // The definitions may have been edited by the program.
        let parse = move || FlagDocument::parse(&document.to_json());
        let parsed = compute(&self.waygate.inner, parse).await?;
        let document = parsed.map_err(invalid)?;
        self.make(FlagImport { document }).await
    }
}

fn planned(
    mut document: FlagDocument,
    records: &Records,
    now: Timestamp,
) -> Result<ImportPlan, Problems> {
    let notes = document.drop_past_changes(now, records);
    let mut planned = plan(document, records)?;
    planned.notes = notes;
    Ok(planned)
}

fn invalid(problems: Problems) -> FlagError {
    FlagError::Invalid {
        kind: "document",
        key: "flags".to_owned(),
        problems,
    }
}

/// Runs work on a whole document, which takes too long for a worker of the runtime.
async fn compute<T: Send + 'static>(
    engine: &Inner,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ChangeError> {
    let work = engine.runtime.spawn_blocking(work).await;
    work.map_err(|error| interrupted(&error))
}

struct FlagImport {
    document: FlagDocument,
}

impl Change for FlagImport {
    type Done = ImportPlan;

    fn subject(&self) -> String {
        "the flags of an import".to_owned()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<ImportPlan, Attempt> {
        let (document, records) = (self.document.clone(), tx.stored.records.clone());
        let now = tx.now;
        let planned = compute(tx.engine, move || planned(document, &records, now)).await?;
        let planned = planned.map_err(|problems| ChangeError::from(invalid(problems)))?;
        for segment in &planned.segments {
            let key = &segment.definition.key;
            write::<kinds::Segments>(&mut tx, key, &segment.definition, &segment.change);
        }
        for flag in &planned.flags {
            let key = &flag.definition.key;
            write::<kinds::Flags>(&mut tx, key, &flag.definition, &flag.change);
        }
        match planned.is_empty() {
            true => tx.confirm_all(|stored| self.revisions(stored)).await?,
            false => drop(tx.commit().await?),
        }
        Ok(planned)
    }
}

impl FlagImport {
    /// The revisions of the definitions that the document has.
    fn revisions(&self, stored: &Stored) -> (Vec<Expected>, Vec<Expected>) {
        let flags = self.document.flags.iter();
        let segments = self.document.segments.iter();
        (
            flags
                .map(|flag| stored.expected::<kinds::Flags>(&flag.key))
                .collect(),
            segments
                .map(|segment| stored.expected::<kinds::Segments>(&segment.key))
                .collect(),
        )
    }
}

fn write<K: Definition<Body: Clone>>(
    tx: &mut Tx<'_>,
    key: &K::Key,
    definition: &K::Body,
    change: &PlannedChange,
) where
    Records: Holds<K>,
{
    if *change == PlannedChange::Unchanged {
        return;
    }
    let previous = Holds::<K>::collection(&tx.stored.records).get(key);
    let previous = previous.map(|known| known.value.clone());
    let mut next = definition.clone();
    K::stamp(&mut next, previous.as_deref(), &tx.by.origin.actor, tx.now);
    let next = Arc::new(next);
    put::<K>(tx, key, previous.as_deref(), &next);
    let word = match previous {
        Some(_) => "updated",
        None => "created",
    };
    let action = Action::from(&*format!("{}_{word}", K::NOUN));
    let mut line = tx.line(action, &subject::<K>(key));
    line.reason = "import".to_owned();
    line.previous = previous.as_deref().map(json);
    line.new = Some(json(&*next));
    tx.audit(line);
}
