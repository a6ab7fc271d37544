//! Results before and after a change, counted, in bounded memory.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use waygate_core::flag::{Context, ContractReason, EvaluationContext, FlagValue, Resolution};

use crate::rest::json_size;

/// The most bytes of a value in the list.
const MOST_BYTES: usize = 1_024;

/// The room for the items of a list in an answer.
#[derive(Debug)]
pub(super) struct Room {
    items: usize,
    bytes: usize,
    is_cut: bool,
}

impl Room {
    /// The room for contexts with another result: 1,000, of together 2 MiB as JSON.
    pub(super) const fn of_changes() -> Self {
        Self::new(1_000)
    }

    /// The room for flags: 2 MiB as JSON, without their contexts.
    pub(super) const fn of_flags() -> Self {
        Self::new(usize::MAX)
    }

    const fn new(items: usize) -> Self {
        Self {
            items,
            bytes: 2 * 1024 * 1024,
            is_cut: false,
        }
    }

    /// Returns whether the next item has room. After the first one without room, none has.
    pub(super) fn admits(&mut self, item: impl FnOnce() -> usize) -> bool {
        let size = match self.is_cut || self.items == 0 {
            true => usize::MAX,
            false => item(),
        };
        self.is_cut |= size > self.bytes;
        if !self.is_cut {
            self.items -= 1;
            self.bytes -= size;
        }
        !self.is_cut
    }

    /// Returns whether an item had no room.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Counts of contexts.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Effect {
    /// The number of contexts.
    pub(super) evaluated: usize,
    /// The number of those with another result.
    pub(super) changed: usize,
    /// The numbers by variations.
    pub(super) transitions: Vec<Transition>,
}

/// The number of contexts with these variations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Transition {
    /// The variation now; `null` without a flag, or with an error.
    pub(super) from: Option<String>,
    /// The variation afterwards.
    pub(super) to: Option<String>,
    /// The number.
    pub(super) count: usize,
}

/// A context with another result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedResult {
    /// Its position in the request.
    index: usize,
    /// Its key.
    key: Option<String>,
    /// The result now; `null` if there is no flag.
    before: Option<Outcome>,
    /// The result afterwards.
    after: Option<Outcome>,
}

/// A result in short.
#[derive(Debug, Serialize, ToSchema)]
struct Outcome {
    /// The name of the variation.
    variation: Option<String>,
    /// The value, unless it has more than 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    value: Option<FlagValue>,
    /// The reason.
    reason: ContractReason,
    /// The id of the rule that matched.
    rule_id: Option<String>,
}

/// Compares results.
#[derive(Debug)]
pub(super) struct Comparison<'r> {
    room: &'r mut Room,
    pairs: BTreeMap<(Option<String>, Option<String>), Pair>,
    changes: Vec<ChangedResult>,
}

/// Contexts with these variations before and after.
#[derive(Debug)]
struct Pair {
    count: usize,
    is_change: bool,
    values: [Option<FlagValue>; 2],
}

impl<'r> Comparison<'r> {
    /// Starts to compare. The changes are listed while there is room.
    pub(super) fn new(room: &'r mut Room) -> Self {
        Self {
            room,
            pairs: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// Adds the results for the context at a position of the request.
    pub(super) fn add(
        &mut self,
        index: usize,
        context: &EvaluationContext,
        before: Option<Resolution<'_>>,
        after: Option<Resolution<'_>>,
    ) {
        let name = |result: &Option<Resolution<'_>>| {
            let variation = result.as_ref().and_then(Resolution::variation);
            variation.map(str::to_owned)
        };
        // A variation has one value, so values are compared once for each pair of variations.
        let pair = self.pairs.entry((name(&before), name(&after)));
        let pair = pair.or_insert_with(|| Pair::new(before.as_ref(), after.as_ref()));
        pair.count += 1;
        if pair.is_change && !self.room.is_cut() {
            let [old, new] = pair.values.clone();
            let change = ChangedResult {
                index,
                key: context.key(None).map(str::to_owned),
                before: before.map(|result| Outcome::new(&result, old)),
                after: after.map(|result| Outcome::new(&result, new)),
            };
            if self.room.admits(|| json_size(&change)) {
                self.changes.push(change);
            }
        }
    }

    /// Returns the counts, and the first contexts with another result.
    pub(super) fn finish(self) -> (Effect, Vec<ChangedResult>) {
        let pairs = self.pairs.values();
        let changed = pairs.filter(|pair| pair.is_change);
        let changed = changed.map(|pair| pair.count).sum();
        let pairs = self.pairs.into_iter();
        let transitions = pairs.map(|((from, to), pair)| Transition {
            from,
            to,
            count: pair.count,
        });
        let transitions: Vec<_> = transitions.collect();
        let effect = Effect {
            evaluated: transitions.iter().map(|it| it.count).sum(),
            changed,
            transitions,
        };
        (effect, self.changes)
    }
}

impl Pair {
    fn new(before: Option<&Resolution<'_>>, after: Option<&Resolution<'_>>) -> Self {
        let result = |of: Option<&Resolution<'_>>| {
            of.map(|it| (it.variation().map(str::to_owned), it.value().clone()))
        };
        Self {
            count: 0,
            is_change: result(before) != result(after),
            values: [before, after].map(|result| small(result?.value())),
        }
    }
}

impl Outcome {
    fn new(resolution: &Resolution<'_>, value: Option<FlagValue>) -> Self {
        Self {
            variation: resolution.variation().map(str::to_owned),
            value,
            reason: resolution.contract_reason(),
            rule_id: resolution.rule_id().map(str::to_owned),
        }
    }
}

fn small(value: &FlagValue) -> Option<FlagValue> {
    (json_size(value) <= MOST_BYTES).then(|| value.clone())
}
