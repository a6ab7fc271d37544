use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use serde::Serialize;
use waygate_core::{
    flag::{
        CompileOptions, CompiledFlag, CompiledSegment, EvaluationContext, Flag, FlagKey, FlagSet,
        Resolution, Segment,
    },
    port::Clock,
};

use super::{seen::pseudonym, subject::Secret};
use crate::engine::flags::Flags;

/// The effect of a change of a flag on recently seen contexts.
///
/// ```
/// use waygate::flags::SeenPreview;
///
/// fn line(preview: &SeenPreview) -> String {
///     format!("{} of {} recent contexts would get another variation", preview.changed, preview.contexts)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SeenPreview {
    /// The number of contexts.
    pub contexts: u64,
    /// The number of those that would get another variation.
    pub changed: u64,
    /// The contexts by their variation before and after the change, without those that change nothing.
    pub moves: Vec<SeenMove>,
}

/// The contexts that would move from one variation to another.
///
/// ```
/// use waygate::flags::SeenMove;
///
/// fn line(seen: &SeenMove) -> String {
///     let [from, to] = [&seen.from, &seen.to].map(|name| name.as_deref().unwrap_or("nothing"));
///     format!("{} contexts from {from} to {to}", seen.contexts)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SeenMove {
    /// The variation before the change; `None` if the flag does not exist, or on an error.
    pub from: Option<String>,
    /// The variation after the change; `None` on an error.
    pub to: Option<String>,
    /// The number of contexts.
    pub contexts: u64,
}

impl Flags {
    /// Evaluates a changed flag and the stored one for the recently seen contexts of this process
    /// ([`FlagObservation::seen_contexts`](crate::flags::FlagObservation::seen_contexts)), and counts those with
    /// different results. Stores and counts nothing.
    ///
    /// The keys of the contexts are hashes, with which individual targets and the lists of segments are compared. The
    /// bucket of a hash is not that of its key, so that the numbers about rollouts by key are right on average, and not
    /// for each context. Attributes that no stored flag reads are unknown, as are clauses on the key.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag, FlagObservation}};
    ///
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # }))?;
    /// let mut draft = search.clone();
    /// let observation = FlagObservation::new().seen_contexts(100);
    /// let waygate = Waygate::builder().observe_flags(observation).seed_flags([search]).build().await?;
    /// waygate.flags().evaluate("search", &EvaluationContext::new("user-1"));
    ///
    /// draft.enabled = false;
    /// let preview = waygate.flags().preview_seen(&draft);
    /// assert_eq!((preview.contexts, preview.changed), (1, 1));
    /// assert_eq!(preview.moves[0].from.as_deref(), Some("on"));
    /// assert_eq!(preview.moves[0].to.as_deref(), Some("off"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn preview_seen(&self, flag: &Flag) -> SeenPreview {
        let Ok(preview) = self.try_preview_seen(flag, &mut always);
        preview
    }

    /// The same, if `check` succeeds before each evaluation.
    pub(crate) fn try_preview_seen<E>(
        &self,
        flag: &Flag,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<SeenPreview, E> {
        let facts = self.facts();
        let contexts = facts.seen.contexts();
        let masked = Masked {
            secret: &facts.secret,
            set: self.set(),
            options: self.compile_options(),
        };
        let stored = self.set().flag(flag.key.as_str());
        let segments = masked.segments();
        let with = |flag: &Flag| {
            let mut set = segments.clone();
            masked.insert(flag, &mut set);
            set
        };
        let (before, after) = (stored.map(|stored| with(stored.definition())), with(flag));
        let sets = (before.as_ref(), &after);
        SeenPreview::new(&flag.key, &contexts, sets, self.clock(), check)
    }

    /// Evaluates all flags with a changed segment and with the stored one, for at most so many of the recently seen
    /// contexts, and counts those with different results, by flag. Stores and counts nothing. See
    /// [`preview_seen`](Self::preview_seen).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// use waygate::{Waygate, flags::{EvaluationContext, Flag, FlagObservation, Segment}};
    ///
    /// # let mut beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers"}))?;
    /// # let search = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// #     "rules": [{
    /// #         "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
    /// #     }],
    /// # }))?;
    /// let observation = FlagObservation::new().seen_contexts(100);
    /// let builder = Waygate::builder().observe_flags(observation);
    /// let waygate = builder.seed_segments([beta.clone()]).seed_flags([search.clone()]).build().await?;
    /// for user in ["user-1", "user-2"] {
    ///     waygate.flags().evaluate("search", &EvaluationContext::new(user));
    /// }
    ///
    /// beta.included.push("user-1".to_owned());
    /// let preview = waygate.flags().preview_segment_seen(&beta, 100);
    /// let of_search = &preview[&search.key];
    /// assert_eq!((of_search.contexts, of_search.changed), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn preview_segment_seen(
        &self,
        segment: &Segment,
        contexts: usize,
    ) -> BTreeMap<FlagKey, SeenPreview> {
        let Ok(preview) = self.try_preview_segment_seen(segment, contexts, &mut always);
        preview
    }

    /// The same, if `check` succeeds before each evaluation.
    pub(crate) fn try_preview_segment_seen<E>(
        &self,
        segment: &Segment,
        contexts: usize,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<BTreeMap<FlagKey, SeenPreview>, E> {
        let facts = self.facts();
        let mut seen = facts.seen.contexts();
        seen.truncate(contexts);
        if seen.is_empty() {
            return Ok(BTreeMap::new());
        }
        let masked = Masked {
            secret: &facts.secret,
            set: self.set(),
            options: self.compile_options(),
        };
        let mut before = masked.segments();
        for flag in self.set().flags() {
            masked.compile(flag.definition(), &mut before);
        }
        let mut after = before.clone();
        let (changed, _) =
            CompiledSegment::compile(Arc::new(masked.segment(segment)), masked.options);
        after.insert_segment(Arc::new(changed));
        let mut of = |key: &FlagKey| {
            SeenPreview::new(key, &seen, (Some(&before), &after), self.clock(), check)
        };
        let keys = self.set().flags().map(|flag| &flag.definition().key);
        keys.map(|key| Ok((key.clone(), of(key)?))).collect()
    }
}

fn always() -> Result<(), Infallible> {
    Ok(())
}

impl SeenPreview {
    fn new<E>(
        key: &FlagKey,
        contexts: &[Arc<EvaluationContext>],
        (before, after): (Option<&FlagSet>, &FlagSet),
        clock: &dyn Clock,
        check: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut moves: BTreeMap<(Option<String>, Option<String>), u64> = BTreeMap::new();
        for context in contexts {
            check()?;
            let of = |set: &FlagSet| {
                let resolution = set.evaluate(key.as_str(), &**context, clock);
                let variation = resolution.as_ref().and_then(Resolution::variation);
                variation.map(str::to_owned)
            };
            *moves.entry((before.and_then(of), of(after))).or_default() += 1;
        }
        let moves = moves.into_iter().filter(|((from, to), _)| from != to);
        let moves: Vec<SeenMove> = moves
            .map(|((from, to), contexts)| SeenMove { from, to, contexts })
            .collect();
        Ok(Self {
            contexts: contexts.len() as u64,
            changed: moves.iter().map(|it| it.contexts).sum(),
            moves,
        })
    }
}

/// Definitions with hashes in place of the keys of contexts.
struct Masked<'a> {
    secret: &'a Secret,
    set: &'a FlagSet,
    options: CompileOptions,
}

impl Masked<'_> {
    /// Compiles all segments.
    fn segments(&self) -> FlagSet {
        let mut set = FlagSet::new();
        for segment in self.set.segments() {
            if segment.is_unreadable() {
                set.insert_segment(segment.clone());
                continue;
            }
            let segment = self.segment(segment.definition());
            let (segment, _) = CompiledSegment::compile(Arc::new(segment), self.options);
            set.insert_segment(Arc::new(segment));
        }
        set
    }

    /// Compiles a flag and its prerequisites.
    fn insert(&self, flag: &Flag, set: &mut FlagSet) {
        let mut open: Vec<FlagKey> = needs(flag);
        self.compile(flag, set);
        while let Some(key) = open.pop() {
            if set.flag(key.as_str()).is_none()
                && let Some(needed) = self.set.flag(key.as_str())
            {
                open.extend(needs(needed.definition()));
                self.compile(needed.definition(), set);
            }
        }
    }

    fn compile(&self, flag: &Flag, set: &mut FlagSet) {
        let mut flag = flag.clone();
        let groups = flag.targets.0.iter_mut().map(|(_, keys)| keys);
        let of_kinds = flag
            .context_targets
            .iter_mut()
            .map(|group| &mut group.values);
        groups.chain(of_kinds).for_each(|keys| self.mask(keys));
        let (compiled, _) = CompiledFlag::compile(Arc::new(flag), self.options);
        set.insert_flag(Arc::new(compiled));
    }

    fn segment(&self, segment: &Segment) -> Segment {
        let mut segment = segment.clone();
        self.mask(&mut segment.included);
        self.mask(&mut segment.excluded);
        segment
    }

    fn mask(&self, keys: &mut [String]) {
        for key in keys {
            *key = pseudonym(self.secret, key.as_str());
        }
    }
}

fn needs(flag: &Flag) -> Vec<FlagKey> {
    let needs = flag.prerequisites.iter();
    needs.map(|other| other.flag_key.clone()).collect()
}
