use serde_json::Value;

use super::{
    attribute::{AttributeName, AttributeValue},
    source::Context,
    stored::{EvaluationContext, Single},
};

/// Contexts of several levels as one, without a copy. Later levels override earlier ones, attribute by attribute, and a
/// targeting key overrides those of earlier levels.
///
/// The primary contexts are merged also if their kinds differ; the kind is that of the last level with a key. Other
/// kinds are merged by kind.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Context, EvaluationContext, MergedContext};
///
/// let process = EvaluationContext::anonymous().with("region", "eu").with("plan", "free");
/// let user = EvaluationContext::new("user-1").with("plan", "pro");
/// let levels = [Some(&process), None, Some(&user)];
/// let merged = MergedContext::of(&levels);
/// assert_eq!(merged.targeting_key(), Some("user-1"));
/// assert_eq!(merged.get("plan"), Some(&json!("pro")));
/// assert_eq!(merged.to_context(), user.with("region", "eu"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MergedContext<'a> {
    levels: &'a [Option<&'a EvaluationContext>],
}

impl<'a> MergedContext<'a> {
    /// Merges levels, the one of the lowest precedence first. `None` is a level without a context.
    pub fn of(levels: &'a [Option<&'a EvaluationContext>]) -> Self {
        Self { levels }
    }

    /// Returns the key of the primary context.
    pub fn targeting_key(&self) -> Option<&'a str> {
        self.primaries().find_map(|single| single.key.as_deref())
    }

    /// Returns an attribute of the primary context.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.levels().find_map(|level| level.get(name))
    }

    /// Returns the attributes of the primary context, each once, in no order.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let levels = self.levels;
        let attributes = levels.iter().enumerate().rev().flat_map(|(at, level)| {
            let attributes = level.iter().flat_map(|level| level.attributes());
            attributes.map(move |attribute| (at, attribute))
        });
        attributes.filter_map(move |(at, (name, value))| {
            let mut higher = levels[at + 1..].iter().flatten();
            (!higher.any(|level| level.get(name).is_some())).then_some((name, value))
        })
    }

    /// Copies all levels into one context.
    pub fn to_context(&self) -> EvaluationContext {
        let key = self.targeting_key().map(str::to_owned);
        let mut primary = Single::new(self.primary_kind(), key);
        let mut others: Vec<Single> = Vec::new();
        for level in self.levels.iter().flatten() {
            let (own, further) = level.parts();
            primary.extend(own.attributes());
            for single in further {
                match others.iter_mut().find(|other| other.kind == single.kind) {
                    Some(other) => {
                        other.key = single.key.clone().or(other.key.take());
                        other.extend(single.attributes());
                    }
                    None => others.push(single.clone()),
                }
            }
        }
        EvaluationContext::from_parts(primary, others)
    }

    /// The levels, the one of the highest precedence first.
    fn levels(&self) -> impl Iterator<Item = &'a EvaluationContext> + use<'a> {
        self.levels.iter().rev().filter_map(|level| *level)
    }

    fn primaries(&self) -> impl Iterator<Item = &'a Single> + use<'a> {
        self.levels().map(|level| level.parts().0)
    }

    fn primary_kind(&self) -> &'a str {
        let mut primaries = self.primaries();
        let deciding = primaries.find(|single| single.key.is_some());
        let named = |single: &&Single| *single.kind != *EvaluationContext::DEFAULT_KIND;
        let deciding = deciding.or_else(|| self.primaries().find(named));
        deciding.map_or(EvaluationContext::DEFAULT_KIND, |single| &single.kind)
    }

    /// The contexts of a kind that is not the primary one.
    fn others(&self, kind: &str) -> impl Iterator<Item = &'a Single> {
        let others = self.levels().flat_map(|level| level.parts().1);
        others.filter(move |single| *single.kind == *kind)
    }
}

impl Context for MergedContext<'_> {
    fn key(&self, kind: Option<&str>) -> Option<&str> {
        match kind {
            Some(kind) if kind != self.primary_kind() => {
                self.others(kind).find_map(|single| single.key.as_deref())
            }
            _ => self.targeting_key(),
        }
    }

    fn kind(&self) -> &str {
        self.primary_kind()
    }

    fn attribute(&self, kind: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
        let value = match kind {
            Some(kind) if kind != self.primary_kind() => {
                self.others(kind).find_map(|single| single.get(name))
            }
            _ => self.primaries().find_map(|single| single.get(name)),
        };
        value.map(AttributeValue::from)
    }
}
