use std::{fmt, sync::Arc};

use waygate_core::{
    Timestamp,
    flag::{CompileOptions, CompiledFlag, Context, Explanation, FlagSet, Resolution},
    model::Revision,
    port::Clock,
};

use super::{
    ContextSource, DeclaredFlag, FlagDeclaration, FlagError, FlagFacts, FlagFinding, FlagRecord,
    SegmentRecord,
    commands::{Definition, not_found},
    usage,
};
use crate::engine::{
    ChangeError, Snapshot, StoredFlag, Waygate, kinds,
    store::{Holds, Versioned},
};

impl Waygate {
    /// Returns all flags as they are now. Later changes do not affect the value, so that all of its evaluations agree.
    pub fn flags(&self) -> Flags {
        Flags::of(self, self.inner.snapshot.load_full())
    }
}

/// All flags and segments at one instant. Evaluates without locks and allocations; cheap to clone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::{EvaluationContext, Flag}};
///
/// let waygate = Waygate::builder().build().await?;
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "New search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
/// }))?;
/// waygate.system().create_flag(flag).await?;
///
/// let flags = waygate.flags();
/// let resolution = flags.evaluate("search", &EvaluationContext::new("user-1")).expect("a flag");
/// println!("{:?}, {}", resolution.variation(), resolution.reason());
/// assert!(flags.evaluate("serch", &EvaluationContext::new("user-1")).is_none());
///
/// let explanation = flags.explain("search", &EvaluationContext::new("user-1")).expect("a flag");
/// assert_eq!(explanation.steps.len(), 1, "the rollout");
/// assert_eq!(flags.flag("search")?.flag.name, "New search");
/// assert!(flags.segment("beta").is_err());
///
/// let user = EvaluationContext::new("user-1");
/// let evaluation = flags.for_context(&user);
/// # let _ = evaluation;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Flags {
    waygate: Waygate,
    pub(super) snapshot: Arc<Snapshot>,
    #[cfg(feature = "testing")]
    overrides: Option<Arc<super::Overrides>>,
}

impl Flags {
    /// The flags of a snapshot.
    pub(crate) fn of(waygate: &Waygate, snapshot: Arc<Snapshot>) -> Self {
        Self {
            waygate: waygate.clone(),
            snapshot,
            #[cfg(feature = "testing")]
            overrides: super::Overrides::current(),
        }
    }

    /// Returns the source of contexts of requests.
    pub(crate) fn contexts(&self) -> &ContextSource {
        &self.waygate.inner.flag_contexts
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        self.waygate.inner.clock.clone()
    }

    /// Returns `true` for flags of this engine.
    pub(crate) fn are_of(&self, waygate: &Waygate) -> bool {
        Arc::ptr_eq(&self.waygate.inner, &waygate.inner)
    }

    /// Notes that a request had no caller at the gates of the route in `slot`, and has one now.
    #[cold]
    pub(crate) fn note_late_caller(&self, slot: usize) {
        self.waygate.inner.note_late_caller(slot, &self.snapshot);
    }

    /// Returns the stored flag of a declaration.
    #[inline]
    pub(crate) fn declared(&self, declared: &DeclaredFlag) -> Option<&StoredFlag> {
        self.snapshot.declared.get(declared)
    }

    /// Returns the value that a test has set for a flag.
    #[cfg(feature = "testing")]
    pub(crate) fn overridden<T: 'static>(&self, declared: &'static DeclaredFlag) -> Option<&T> {
        self.overrides.as_ref()?.get(declared)
    }

    /// Evaluates a flag that is at hand.
    #[inline]
    pub(crate) fn resolve<'s, C: Context + ?Sized>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &C,
    ) -> Resolution<'s> {
        let clock = &*self.waygate.inner.clock;
        self.set().evaluate_flag(flag, context, clock)
    }

    /// Evaluates a flag. An error is a [`Resolution`] with an error code; `None` if there is no such flag.
    #[inline]
    pub fn evaluate<C: Context + ?Sized>(&self, key: &str, context: &C) -> Option<Resolution<'_>> {
        let clock = &*self.waygate.inner.clock;
        self.set().evaluate(key, context, clock)
    }

    /// Evaluates a flag, and returns the steps of the evaluation. `None` if there is no such flag.
    pub fn explain<C: Context + ?Sized>(&self, key: &str, context: &C) -> Option<Explanation<'_>> {
        let clock = &*self.waygate.inner.clock;
        self.set().explain(key, context, clock)
    }

    /// Returns the store's revision of these flags.
    pub fn revision(&self) -> Revision {
        self.snapshot.revision
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn facts(&self) -> &FlagFacts {
        &self.waygate.inner.flag_facts
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.waygate.inner.clock
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(super) fn compile_options(&self) -> CompileOptions {
        self.waygate.inner.flag_options
    }

    /// Returns the compiled flags and segments.
    #[inline]
    pub fn set(&self) -> &FlagSet {
        &self.snapshot.flags
    }

    /// Returns these flags with a context, for flags that the code declares.
    pub fn for_context<'a, C: Context + ?Sized>(&'a self, context: &'a C) -> Evaluation<'a, C> {
        Evaluation {
            flags: self,
            context,
        }
    }

    /// Returns a stored flag.
    ///
    /// # Errors
    /// Returns [`FlagError::NotFound`] with the most similar key, and [`ChangeError::Invalid`] for a malformed key.
    pub fn flag(&self, key: &str) -> Result<FlagRecord, ChangeError> {
        let (flag, revision) = self.get::<kinds::Flags>(&key.parse()?)?;
        Ok(FlagRecord::new(flag, revision))
    }

    /// Returns the flags that the code declares with `flags!`, by key, with their places and the routes they gate.
    pub fn declarations(&self) -> Vec<FlagDeclaration> {
        usage::declarations(&self.snapshot)
    }

    /// Returns the differences between the flags that the code declares and the stored ones, by key.
    pub fn mismatches(&self) -> Vec<FlagFinding> {
        usage::mismatches(&self.snapshot, self.waygate.inner.clock.now())
    }

    /// Returns all stored flags, by key.
    pub fn all(&self) -> Vec<FlagRecord> {
        let flags = self.snapshot.records.flags.iter();
        flags
            .map(|(_, flag)| FlagRecord::new(flag.value.clone(), self.changed(flag)))
            .collect()
    }

    /// Returns a stored segment.
    ///
    /// # Errors
    /// See [`flag`](Self::flag).
    pub fn segment(&self, key: &str) -> Result<SegmentRecord, ChangeError> {
        let (segment, revision) = self.get::<kinds::Segments>(&key.parse()?)?;
        Ok(SegmentRecord::new(segment, revision))
    }

    /// Returns all stored segments, by key.
    pub fn segments(&self) -> Vec<SegmentRecord> {
        let segments = self.snapshot.records.segments.iter();
        segments
            .map(|(_, segment)| SegmentRecord::new(segment.value.clone(), self.changed(segment)))
            .collect()
    }

    pub(crate) fn get<K: Definition>(
        &self,
        key: &K::Key,
    ) -> Result<(Arc<K::Body>, Revision), FlagError>
    where
        kinds::Records: Holds<K>,
    {
        let records = &self.snapshot.records;
        let known = Holds::<K>::collection(records).get(key);
        let known = known.ok_or_else(|| not_found::<K>(key, records))?;
        Ok((known.value.clone(), self.changed(known)))
    }

    pub(super) fn records(&self) -> &kinds::Records {
        &self.snapshot.records
    }

    pub(super) fn changed<T>(&self, known: &Versioned<T>) -> Revision {
        Revision {
            epoch: self.snapshot.revision.epoch,
            number: known.revision,
        }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags")
            .field("revision", &self.snapshot.revision)
            .finish_non_exhaustive()
    }
}

/// The flags and the context of an evaluation. See [`Flags::for_context`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, flags::{EvaluationContext, FlagScope}};
///
/// let waygate = Waygate::builder().build().await?;
/// let (flags, user) = (waygate.flags(), EvaluationContext::new("user-1"));
/// let evaluation = flags.for_context(&user);
/// assert!(evaluation.flags().evaluate("search", evaluation.context()).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Evaluation<'a, C: ?Sized> {
    flags: &'a Flags,
    context: &'a C,
}

impl<C: ?Sized> Clone for Evaluation<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Evaluation<'_, C> {}

/// Has flags and a context: the scope of an evaluation of a declared flag.
///
/// ```
/// use waygate::flags::{EvaluationContext, FlagScope, Flags};
///
/// struct Job {
///     flags: Flags,
///     context: EvaluationContext,
/// }
///
/// impl FlagScope for Job {
///     type Context = EvaluationContext;
///
///     fn flags(&self) -> &Flags {
///         &self.flags
///     }
///
///     fn context(&self) -> &EvaluationContext {
///         &self.context
///     }
/// }
/// ```
pub trait FlagScope {
    /// The type of the context.
    type Context: Context + ?Sized;

    /// Returns the flags.
    fn flags(&self) -> &Flags;

    /// Returns the context.
    fn context(&self) -> &Self::Context;
}

impl<C: Context + ?Sized> FlagScope for Evaluation<'_, C> {
    type Context = C;

    fn flags(&self) -> &Flags {
        self.flags
    }

    fn context(&self) -> &C {
        self.context
    }
}
