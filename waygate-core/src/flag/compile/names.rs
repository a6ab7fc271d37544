use super::{
    options::CompileOptions,
    split::{Choice, Split, bucket_by, bucketer, parts},
};
use crate::flag::{
    map::Map,
    model::{Flag, Rule},
    value::FlagValue,
};

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

/// The variations of a flag, and the names that it uses in vain.
pub(super) struct Names<'f> {
    all: Vec<Named>,
    known: Map<&'f str, u16>,
}

impl<'f> Names<'f> {
    pub(super) fn of(flag: &'f Flag) -> Self {
        let mut names = Self {
            all: Vec::with_capacity(flag.variations.len()),
            known: Map::default(),
        };
        for variation in &flag.variations {
            if !names.known.contains_key(&*variation.name) {
                names.add(&variation.name, (&variation.value).into());
            }
        }
        names
    }

    /// Returns the index of the first variation of this name.
    pub(super) fn index(&mut self, name: &'f str) -> u16 {
        match self.known.get(name) {
            Some(index) => *index,
            None => self.add(name, FlagValue::Null),
        }
    }

    fn add(&mut self, name: &'f str, value: FlagValue) -> u16 {
        let index = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        // The last index stays free, so that names beyond all limits have no value.
        if index < u16::MAX {
            let name = name.into();
            self.all.push(Named { name, value });
        }
        self.known.insert(name, index);
        index
    }

    pub(super) fn into_all(self) -> Box<[Named]> {
        self.all.into()
    }

    /// Adds targets; the first variation of a key stays.
    pub(super) fn targets(
        &mut self,
        variation: &'f str,
        keys: &[String],
        targets: &mut Map<Box<str>, u16>,
    ) {
        let index = self.index(variation);
        for key in keys {
            targets.entry(key.as_str().into()).or_insert(index);
        }
    }

    pub(super) fn context_targets(&mut self, flag: &'f Flag) -> Box<[KindTargets]> {
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

    pub(super) fn rule(
        &mut self,
        flag: &Flag,
        rule: &'f Rule,
        options: CompileOptions,
    ) -> Option<Choice> {
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
