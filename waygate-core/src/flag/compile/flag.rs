use std::sync::Arc;

use super::{
    clause::{CompiledClause, compile_clauses},
    names::{KindTargets, Named, Names},
    options::CompileOptions,
    split::{Choice, Gate, Split, bucket_by, bucketer, parts},
};
use crate::flag::{
    map::Map,
    model::{Flag, Serve},
    observe::Tally,
    outcome::Reason,
    place::Place,
    problem::Problems,
    value::FlagValue,
};

/// A flag in the form that is evaluated. Shared between snapshots until its definition changes.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, FlagSet};
///
/// # let search = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// let (flag, _) = CompiledFlag::compile(Arc::new(Flag::parse(&search)?), CompileOptions::default());
/// let mut flags = FlagSet::new();
/// flags.insert_flag(Arc::new(flag));
/// assert_eq!(flags.flag("search").map(|flag| flag.definition().name.as_str()), Some("Search"));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug)]
pub struct CompiledFlag {
    definition: Arc<Flag>,
    pub(crate) variations: Box<[Named]>,
    pub(crate) off: u16,
    pub(crate) targets: Map<Box<str>, u16>,
    pub(crate) context_targets: Box<[KindTargets]>,
    pub(crate) rules: Box<[CompiledRule]>,
    pub(crate) fallthrough: Choice,
    /// The split of a progressive rollout: its only part ends where the time says.
    pub(crate) progressive: Option<Split>,
    pub(crate) layer: Option<Gate>,
    pub(crate) holdout: Option<Gate>,
    /// Has the same result for all contexts.
    pub(crate) is_static: bool,
    python: bool,
    tally: Option<Tally>,
}

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) clauses: Box<[CompiledClause]>,
    /// `None` is the fallthrough.
    pub(crate) choice: Option<Choice>,
}

impl CompiledFlag {
    /// Compiles a flag. Operands that never match are reported, with their place, and left out.
    pub fn compile(definition: Arc<Flag>, options: CompileOptions) -> (Self, Problems) {
        let mut problems = Problems::default();
        let flag = &*definition;
        let mut names = Names::of(flag);
        let off = names.index(&flag.off_variation);
        let mut targets = Map::default();
        for (variation, keys) in &flag.targets.0 {
            names.targets(variation, keys, &mut targets);
        }
        let context_targets = names.context_targets(flag);
        let list = Place::Member(&Place::Root, "rules");
        let rules = flag
            .rules
            .iter()
            .enumerate()
            .map(|(at, rule)| CompiledRule {
                clauses: compile_clauses(
                    &rule.clauses,
                    &Place::Index(&list, at),
                    options,
                    &mut problems,
                ),
                choice: names.rule(flag, rule, options),
            });
        let rules: Box<[CompiledRule]> = rules.collect();
        let fallthrough = match &flag.fallthrough {
            Serve::Variation(name) => Choice::Fixed(names.index(name)),
            Serve::Rollout(rollout) => Choice::Split(Split {
                bucketer: bucketer(flag, None, options),
                by: bucket_by(flag, None, options),
                parts: parts(rollout, |name| names.index(name)),
            }),
        };
        let progressive = flag.progressive.as_ref().map(|progressive| {
            let [grows, rest] =
                [&progressive.variation, &progressive.baseline].map(|name| names.index(name));
            Split {
                bucketer: bucketer(flag, None, options),
                by: bucket_by(flag, None, options),
                parts: [(0, grows), (0, rest)].into(),
            }
        });
        let gate = |of, name: &str, from, to| {
            Gate::new(of, name, from, to, bucket_by(flag, None, options))
        };
        let layer = flag.layer.as_ref();
        let holdout = flag.holdout.as_ref();
        let compiled = Self {
            off,
            is_static: targets.is_empty()
                && context_targets.is_empty()
                && rules.is_empty()
                && flag.prerequisites.is_empty()
                && progressive.is_none()
                && layer.is_none()
                && holdout.is_none()
                && matches!(fallthrough, Choice::Fixed(_)),
            targets,
            context_targets,
            rules,
            fallthrough,
            progressive,
            layer: layer.map(|layer| gate("layer", &layer.layer, layer.from, layer.to)),
            holdout: holdout.map(|holdout| gate("holdout", &holdout.name, 0, holdout.weight)),
            variations: names.into_all(),
            definition,
            python: options.is_python(),
            tally: None,
        };
        (compiled, problems)
    }

    /// Returns the reasons that a result with this variation may have, by its position in [`Self::values`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use serde_json::json;
    /// use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, Reason};
    ///
    /// # let search = json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # });
    /// let (flag, _) = CompiledFlag::compile(Arc::new(Flag::parse(&search)?), CompileOptions::default());
    /// assert_eq!(flag.reasons(0), [Reason::Static]);
    /// assert_eq!(flag.reasons(1), [Reason::Disabled]);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn reasons(&self, variation: usize) -> Vec<Reason> {
        let is = |known: &u16| usize::from(*known) == variation;
        let mut reasons = Vec::new();
        match &self.fallthrough {
            Choice::Fixed(only) if self.is_static => {
                reasons.extend(is(only).then_some(Reason::Static))
            }
            _ => reasons.extend([Reason::Default, Reason::TargetingMatch, Reason::Split]),
        }
        reasons.extend(is(&self.off).then_some(Reason::Disabled));
        reasons
    }

    /// Counts its evaluations in a tally.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, FlagType, Tally};
    ///
    /// let flag = Flag::new("search".parse()?, FlagType::Boolean);
    /// let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
    /// let tally = Tally::new(flag.variation_names().len());
    /// assert!(flag.counted(tally).tally().is_some());
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    #[must_use]
    pub fn counted(mut self, tally: Tally) -> Self {
        self.tally = Some(tally);
        self
    }

    /// Returns the counters of its evaluations.
    #[inline]
    pub fn tally(&self) -> Option<&Tally> {
        self.tally.as_ref()
    }

    /// Returns the names of its variations, in the order in which they are counted. Names that the definition uses but
    /// does not define come last.
    pub fn variation_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.variations.iter().map(|named| &*named.name)
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Arc<Flag> {
        &self.definition
    }

    /// Returns the values that an evaluation can have, by [`Resolution::variation_index`](crate::flag::Resolution::variation_index).
    pub fn values(&self) -> impl ExactSizeIterator<Item = &FlagValue> {
        self.variations.iter().map(|named| &named.value)
    }

    /// Returns the value that every context gets, if the definition alone decides it: the flag is disabled, or has
    /// neither targets nor rules nor a rollout.
    pub fn constant(&self) -> Option<&FlagValue> {
        let variation = match (&self.fallthrough, self.definition.enabled) {
            (_, false) => self.off,
            (Choice::Fixed(variation), true) if self.is_static => *variation,
            _ => return None,
        };
        Some(&self.variation(variation)?.value)
    }

    /// Returns whether the flag has the meaning of Python Waygate where that differs.
    pub(crate) fn is_python(&self) -> bool {
        self.python
    }

    pub(crate) fn variation(&self, index: u16) -> Option<&Named> {
        self.variations.get(usize::from(index))
    }
}
