use std::sync::Arc;

use super::{
    clause::{CompiledClause, compile_clauses},
    options::CompileOptions,
    split::{Choice, Gate, Split, bucket_by, bucketer, parts},
};
use crate::flag::{
    map::Map,
    model::{Flag, Rule, Serve},
    place::Place,
    problem::Problems,
    value::FlagValue,
};

/// A flag in the form that is evaluated. Shared between snapshots until its definition changes.
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
    /// Whether the result is the same for all contexts.
    pub(crate) is_static: bool,
}

/// Individual targets of one kind.
#[derive(Debug)]
pub(crate) struct KindTargets {
    pub(crate) kind: Box<str>,
    pub(crate) keys: Map<Box<str>, u16>,
}

/// A variation, or a name that is none.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Box<str>,
    pub(crate) value: FlagValue,
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
        let gate = |name: &str, from, to| Gate::new(name, from, to, bucket_by(flag, None, options));
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
            layer: layer.map(|layer| gate(&layer.layer, layer.from, layer.to)),
            holdout: holdout.map(|holdout| gate(&holdout.name, 0, holdout.weight)),
            variations: names.0.into(),
            definition,
        };
        (compiled, problems)
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Arc<Flag> {
        &self.definition
    }

    pub(crate) fn variation(&self, index: u16) -> Option<&Named> {
        self.variations.get(usize::from(index))
    }
}

/// The variations of a flag, and the names that it uses in vain.
struct Names(Vec<Named>);

impl Names {
    fn of(flag: &Flag) -> Self {
        let usable = flag.variations.iter().take(usize::from(u16::MAX));
        let named = usable.map(|variation| Named {
            name: variation.name.as_str().into(),
            value: (&variation.value).into(),
        });
        Self(named.collect())
    }

    /// Returns the index of the first variation of this name.
    fn index(&mut self, name: &str) -> u16 {
        let known = self.0.iter().position(|named| *named.name == *name);
        let index = known.unwrap_or(self.0.len());
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        // The last index stays free, so that names beyond all limits have no value.
        if known.is_none() && index < u16::MAX {
            self.0.push(Named {
                name: name.into(),
                value: FlagValue::Null,
            });
        }
        index
    }

    /// Adds targets; the first variation of a key stays.
    fn targets(&mut self, variation: &str, keys: &[String], targets: &mut Map<Box<str>, u16>) {
        let index = self.index(variation);
        for key in keys {
            targets.entry(key.as_str().into()).or_insert(index);
        }
    }

    fn context_targets(&mut self, flag: &Flag) -> Box<[KindTargets]> {
        let mut all: Vec<KindTargets> = Vec::new();
        for group in &flag.context_targets {
            let of_kind = all
                .iter()
                .position(|known| *known.kind == *group.context_kind);
            let at = of_kind.unwrap_or_else(|| {
                all.push(KindTargets {
                    kind: group.context_kind.as_str().into(),
                    keys: Map::default(),
                });
                all.len() - 1
            });
            if let Some(of_kind) = all.get_mut(at) {
                self.targets(&group.variation, &group.values, &mut of_kind.keys);
            }
        }
        all.into()
    }

    fn rule(&mut self, flag: &Flag, rule: &Rule, options: CompileOptions) -> Option<Choice> {
        match (&rule.variation, rule.rollout.as_deref()) {
            (Some(name), _) => Some(Choice::Fixed(self.index(name))),
            (None, None | Some([])) => None,
            (None, Some(rollout)) => Some(Choice::Split(Split {
                bucketer: bucketer(flag, Some(rule), options),
                by: bucket_by(flag, Some(rule), options),
                parts: parts(rollout, |name| self.index(name)),
            })),
        }
    }
}
