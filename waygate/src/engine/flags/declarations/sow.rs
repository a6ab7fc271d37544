//! Definitions that a program brings along, written if the store has none.

use std::sync::Arc;

use waygate_core::{
    Printable,
    flag::{Checks, Flag, FlagKey, Problems, Segment, SegmentKey},
    model::{Action, Origin},
    port::CommitError,
};

use super::seeds::Seeds;
use crate::engine::{
    BuildError, Inner,
    flags::{
        FlagError,
        commands::{self, Definition, subject},
    },
    kinds::{Flags, Records, Segments},
    store::{Collection, Holds, Versioned, json},
    stored::Stored,
    tx::{By, Tx},
};

/// The maximum number of attempts after lost races.
const ATTEMPTS: usize = 16;

impl Seeds {
    /// Checks each definition by itself.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let flags = self.flags.iter();
        flags
            .map(checked::<Flags>)
            .chain(self.segments.iter().map(checked::<Segments>))
            .collect::<Result<(), FlagError>>()
            .map_err(BuildError::Flag)
    }
}

fn checked<K: Seeded>(body: &K::Body) -> Result<(), FlagError>
where
    Records: Holds<K>,
{
    match K::read(&json(body)) {
        Ok(_) => Ok(()),
        Err(problems) => Err(FlagError::Invalid {
            kind: K::NOUN,
            key: K::key(body).to_string(),
            problems,
        }),
    }
}

/// A kind of definition that can be seeded.
trait Seeded: Definition
where
    Records: Holds<Self>,
{
    fn key(body: &Self::Body) -> &Self::Key;
    fn all(records: &mut Records) -> &mut Collection<Self>;
}

impl Seeded for Flags {
    fn key(flag: &Flag) -> &FlagKey {
        &flag.key
    }

    fn all(records: &mut Records) -> &mut Collection<Self> {
        &mut records.flags
    }
}

impl Seeded for Segments {
    fn key(segment: &Segment) -> &SegmentKey {
        &segment.key
    }

    fn all(records: &mut Records) -> &mut Collection<Self> {
        &mut records.segments
    }
}

impl Inner {
    /// Writes the definitions that the store lacks, in one commit. Does nothing after it has succeeded.
    pub(crate) async fn sow(&self) -> Result<(), CommitError> {
        let Some(seeds) = self.sowing.lock().pending.clone() else {
            return Ok(());
        };
        let mut stored = self.stored.lock().await;
        for _ in 0..ATTEMPTS {
            let by = By::new(Origin::system());
            let missing = Missing::of(&seeds, &stored);
            let mut tx = Tx::new(self, &mut stored, &by);
            put::<Segments>(&mut tx, &missing.segments, seeds.is_audited);
            put::<Flags>(&mut tx, &missing.flags, seeds.is_audited);
            let written = match tx.is_empty() {
                true => Ok(()),
                false => tx.commit().await.map(drop),
            };
            match written {
                Ok(()) => {
                    let mut state = self.sowing.lock();
                    state.pending = None;
                    state.refused = missing.refused;
                    break;
                }
                Err(CommitError::Conflict { .. }) => self.reload(&mut stored).await?,
                Err(CommitError::Replaced { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        drop(stored);
        self.note_flags();
        Ok(())
    }
}

/// The definitions that the store lacks.
struct Missing {
    flags: Vec<Arc<Flag>>,
    segments: Vec<Arc<Segment>>,
    refused: Vec<String>,
}

impl Missing {
    fn of(seeds: &Seeds, stored: &Stored) -> Self {
        let mut records = stored.records.clone();
        let mut flags = lacking::<Flags>(&seeds.flags, stored, &mut records);
        let mut segments = lacking::<Segments>(&seeds.segments, stored, &mut records);
        let mut refused = Vec::new();
        // What one of them lacks, others may need.
        loop {
            let count = refused.len();
            retain::<Segments>(&mut segments, &mut records, &mut refused);
            retain::<Flags>(&mut flags, &mut records, &mut refused);
            if refused.len() == count {
                break;
            }
        }
        Self {
            flags,
            segments,
            refused,
        }
    }
}

/// Adds the definitions of new keys to the records. An unreadable record may be a change of an operator.
fn lacking<K: Seeded>(
    bodies: &[K::Body],
    stored: &Stored,
    records: &mut Records,
) -> Vec<Arc<K::Body>>
where
    Records: Holds<K>,
    K::Body: Clone,
{
    let mut lacking = Vec::new();
    for body in bodies {
        let key = K::key(body);
        let collection = K::all(records);
        if !collection.contains(key) && !stored.unreadable.contains_key(&K::entity(key)) {
            let value = Arc::new(body.clone());
            lacking.push(value.clone());
            collection.insert(key.clone(), Versioned { revision: 0, value });
        }
    }
    lacking
}

/// Removes the definitions that do not fit to the others.
fn retain<K: Seeded>(
    bodies: &mut Vec<Arc<K::Body>>,
    records: &mut Records,
    refused: &mut Vec<String>,
) where
    Records: Holds<K>,
{
    let mut unfit = Vec::new();
    let checks = Checks::of(&*records);
    bodies.retain(|body| match K::check(body, &checks) {
        Ok(()) => true,
        Err(problems) => {
            unfit.push((K::key(body).clone(), problems));
            false
        }
    });
    for (key, problems) in unfit {
        K::all(records).remove(&key);
        refused.push(refusal::<K>(&key, &problems));
    }
}

fn refusal<K: Seeded>(key: &K::Key, problems: &Problems) -> String
where
    Records: Holds<K>,
{
    let name = subject::<K>(key);
    tracing::warn!(name = %Printable(&name), problems = %Printable(problems), "a definition of the program does not fit to the stored ones and was not written");
    format!("`{name}` of the program was not written: {problems}")
}

fn put<K: Seeded>(tx: &mut Tx<'_>, bodies: &[Arc<K::Body>], is_audited: bool)
where
    Records: Holds<K>,
    K::Body: Clone,
{
    for body in bodies {
        let key = K::key(body).clone();
        let mut next = K::Body::clone(body);
        let author = tx.by.origin.actor.clone();
        K::stamp(&mut next, None, &author, tx.now);
        let next = Arc::new(next);
        commands::put::<K>(tx, &key, None, &next);
        if is_audited {
            let action = Action::from(&*format!("{}_created", K::NOUN));
            let mut line = tx.line(action, &subject::<K>(&key));
            line.new = Some(json(&next));
            tx.audit(line);
        }
    }
}
