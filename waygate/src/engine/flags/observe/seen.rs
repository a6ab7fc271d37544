//! Recently seen contexts, for previews of changes.

use std::{
    collections::BTreeMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use waygate_core::{
    flag::{AttributeName, Context, EvaluationContext, FlagSet, ReadAttribute},
    port::Clock,
};

use super::subject::{Secret, Subject};

/// The most attributes of a context that are kept, and the most bytes of a value as JSON.
const MAX_ATTRIBUTES: usize = 200;
const MAX_VALUE: usize = 1_024;
/// The time for which a context is not read again, in milliseconds.
const FRESH: u64 = 10_000;

/// A place for one context. Contexts share a place by their hash; the newest has it.
#[derive(Debug, Default)]
struct Place {
    /// The hash of the context in it, and the time.
    hash: AtomicU64,
    at: AtomicU64,
    context: Mutex<Option<Arc<EvaluationContext>>>,
}

#[derive(Debug)]
pub(super) struct Seen {
    places: Box<[Place]>,
    attributes: ArcSwap<Attributes>,
    clock: Arc<dyn Clock>,
}

/// The attributes that the flags read, by kind.
#[derive(Debug, Default)]
struct Attributes {
    /// The flags that they were read from.
    of: Weak<FlagSet>,
    kinds: BTreeMap<Option<String>, Vec<AttributeName>>,
}

impl Seen {
    pub(super) fn new(contexts: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            places: std::iter::repeat_with(Place::default)
                .take(contexts)
                .collect(),
            attributes: ArcSwap::default(),
            clock,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        !self.places.is_empty()
    }

    /// Follows the attributes that the flags read.
    pub(super) fn follow(&self, set: &Arc<FlagSet>) {
        let of = Arc::downgrade(set);
        if !self.is_on() || self.attributes.load().of.ptr_eq(&of) {
            return;
        }
        let mut kinds: BTreeMap<Option<String>, Vec<AttributeName>> = BTreeMap::new();
        for ReadAttribute { kind, name, .. } in set.attributes().into_iter().take(MAX_ATTRIBUTES) {
            kinds
                .entry(kind)
                .or_default()
                .push(AttributeName::new(&name));
        }
        self.attributes.store(Arc::new(Attributes { of, kinds }));
    }

    pub(super) fn see(&self, secret: &Secret, subject: &Subject<'_>, context: &dyn Context) {
        let places = self.places.len() as u64;
        let place = subject.hash.checked_rem(places);
        let place = place.and_then(|place| self.places.get(usize::try_from(place).ok()?));
        let Some(place) = place else {
            return;
        };
        let now = self.clock.monotonic().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let is_known = place.hash.load(Ordering::Relaxed) == subject.hash;
        let age = now.saturating_sub(place.at.load(Ordering::Relaxed));
        if is_known && age < FRESH {
            return;
        }
        // Another request writes it.
        let Ok(mut known) = place.context.try_lock() else {
            return;
        };
        *known = Some(Arc::new(self.read(secret, subject, context)));
        place.hash.store(subject.hash, Ordering::Relaxed);
        place.at.store(now, Ordering::Relaxed);
    }

    /// Copies the attributes that the flags read, and the keys as hashes.
    fn read(
        &self,
        secret: &Secret,
        subject: &Subject<'_>,
        context: &dyn Context,
    ) -> EvaluationContext {
        let attributes = self.attributes.load();
        let part = |kind: Option<&str>, mut copy: EvaluationContext| {
            let names = attributes.kinds.get(&kind.map(str::to_owned));
            for name in names.into_iter().flatten() {
                let value = context.attribute(kind, name).map(serde_json::Value::from);
                let is_key = matches!(name.as_str(), "key" | "targetingKey");
                let value = value.filter(|it| !is_key && it.to_string().len() <= MAX_VALUE);
                if let Some(value) = value {
                    copy = copy.with(name.as_str(), value);
                }
            }
            copy
        };
        let primary = EvaluationContext::new(pseudonym(secret, subject.key)).of_kind(subject.kind);
        let mut primary = part(Some(subject.kind), part(None, primary));
        for kind in attributes
            .kinds
            .keys()
            .flatten()
            .filter(|kind| **kind != subject.kind)
        {
            if let Some(key) = context.key(Some(kind)) {
                let other = EvaluationContext::new(pseudonym(secret, key)).of_kind(kind);
                primary = primary.and(part(Some(kind), other));
            }
        }
        primary
    }

    /// Returns the contexts.
    pub(super) fn contexts(&self) -> Vec<Arc<EvaluationContext>> {
        let places = self.places.iter();
        places.filter_map(|place| place.context().clone()).collect()
    }
}

impl Place {
    fn context(&self) -> MutexGuard<'_, Option<Arc<EvaluationContext>>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of a context in place of its own.
pub(super) fn pseudonym(secret: &Secret, key: impl Hash) -> String {
    format!("{:016x}", secret.hash(key))
}
