use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;

use super::{
    difference::{FieldChange, difference},
    document::FlagDocument,
    note::ImportNote,
};
use crate::flag::{
    check::{Definitions, Index, distinct, flag_needs, flag_problems, of_others, segment_problems},
    model::{Flag, Segment},
    place::Place,
    problem::Problems,
};

/// The changes that an import would make, in an order in which each definition comes after those that it needs.
///
/// ```
/// # use serde_json::json;
/// use waygate_core::flag::exchange::{ImportPlan, FlagDocument, plan};
/// # use waygate_core::flag::{Definitions, Flag, Segment};
/// # struct Stored(Vec<Flag>);
/// # impl Definitions for Stored {
/// #     fn flag(&self, key: &str) -> Option<&Flag> { self.0.iter().find(|flag| flag.key.as_str() == key) }
/// #     fn segment(&self, _: &str) -> Option<&Segment> { None }
/// #     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> { Box::new(self.0.iter()) }
/// #     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> { Box::new(std::iter::empty()) }
/// # }
/// # let flag = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// # let flag = Flag::parse(&flag)?;
/// # let stored = Stored(Vec::new());
/// let plan: ImportPlan = plan(FlagDocument::new(vec![flag], Vec::new()), &stored)?;
/// assert!(!plan.is_empty() && plan.flags.len() == 1);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ImportPlan {
    /// The segments, which come first.
    pub segments: Vec<Planned<Segment>>,
    /// The flags.
    pub flags: Vec<Planned<Flag>>,
    /// The scheduled changes that [`drop_past_changes`](FlagDocument::drop_past_changes) has left out.
    pub notes: Vec<ImportNote>,
}

impl ImportPlan {
    /// Returns whether the import changes nothing.
    pub fn is_empty(&self) -> bool {
        let segments = self.segments.iter().map(|planned| &planned.change);
        let mut changes = segments.chain(self.flags.iter().map(|planned| &planned.change));
        changes.all(|change| *change == PlannedChange::Unchanged)
    }
}

/// A definition of an import, and its effect.
///
/// ```
/// # use serde_json::json;
/// use waygate_core::flag::exchange::{Planned, FlagDocument, plan};
/// # use waygate_core::flag::{Definitions, Flag, Segment};
/// # struct Stored(Vec<Flag>);
/// # impl Definitions for Stored {
/// #     fn flag(&self, key: &str) -> Option<&Flag> { self.0.iter().find(|flag| flag.key.as_str() == key) }
/// #     fn segment(&self, _: &str) -> Option<&Segment> { None }
/// #     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> { Box::new(self.0.iter()) }
/// #     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> { Box::new(std::iter::empty()) }
/// # }
/// # let flag = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// # let flag = Flag::parse(&flag)?;
/// # let stored = Stored(Vec::new());
/// let plan = plan(FlagDocument::new(vec![flag], Vec::new()), &stored)?;
/// let planned: &Planned<Flag> = &plan.flags[0];
/// assert_eq!(planned.definition.key.as_str(), "search");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Planned<T> {
    /// The definition to store.
    pub definition: T,
    /// The effect.
    #[serde(flatten)]
    pub change: PlannedChange,
}

/// The effect of a definition of an import.
///
/// ```
/// # use serde_json::json;
/// use waygate_core::flag::exchange::{PlannedChange, FlagDocument, plan};
/// # use waygate_core::flag::{Definitions, Flag, Segment};
/// # struct Stored(Vec<Flag>);
/// # impl Definitions for Stored {
/// #     fn flag(&self, key: &str) -> Option<&Flag> { self.0.iter().find(|flag| flag.key.as_str() == key) }
/// #     fn segment(&self, _: &str) -> Option<&Segment> { None }
/// #     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> { Box::new(self.0.iter()) }
/// #     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> { Box::new(std::iter::empty()) }
/// # }
/// # let flag = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// # let flag = Flag::parse(&flag)?;
/// # let stored = Stored(Vec::new());
/// let plan = plan(FlagDocument::new(vec![flag], Vec::new()), &stored)?;
/// assert_eq!(plan.flags[0].change, PlannedChange::Create);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlannedChange {
    /// There is no definition of this key.
    Create,
    /// The stored definition differs.
    Replace {
        /// The values that differ.
        fields: Vec<FieldChange>,
    },
    /// The stored definition is the same.
    Unchanged,
}

/// Compares a document with the stored definitions, and checks its references among both. Definitions that the document
/// does not have stay. Nothing is changed.
///
/// `created_at`, `updated_at` and `created_by` of definitions and of scheduled changes are not compared: a server keeps
/// them itself.
///
/// # Errors
/// The first 100 problems of all definitions, with their places in the document. If there may be more, the last one says
/// so, with [`ProblemCode::Incomplete`](crate::flag::ProblemCode::Incomplete).
///
/// ```
/// # use serde_json::json;
/// use waygate_core::flag::exchange::{FlagDocument, PlannedChange, plan};
/// # use waygate_core::flag::{Definitions, Flag, Segment};
/// # struct Stored(Vec<Flag>);
/// # impl Definitions for Stored {
/// #     fn flag(&self, key: &str) -> Option<&Flag> { self.0.iter().find(|flag| flag.key.as_str() == key) }
/// #     fn segment(&self, _: &str) -> Option<&Segment> { None }
/// #     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> { Box::new(self.0.iter()) }
/// #     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> { Box::new(std::iter::empty()) }
/// # }
/// # let flag = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// # let stored = Stored(vec![Flag::parse(&flag)?]);
/// let mut document = FlagDocument::export(&stored);
/// document.flags[0].enabled = false;
/// let plan = plan(document, &stored)?;
/// let PlannedChange::Replace { fields } = &plan.flags[0].change else { panic!() };
/// assert_eq!(fields[0].pointer, "/enabled");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
pub fn plan(document: FlagDocument, stored: &impl Definitions) -> Result<ImportPlan, Problems> {
    let document = problems(&document, stored).of_document(document)?;
    let segments = ordered(
        document.segments,
        |segment| segment.key.as_str(),
        |segment| segment.needed_segments().collect(),
    );
    let flags = ordered(
        document.flags,
        |flag| flag.key.as_str(),
        |flag| flag_needs(flag).collect(),
    );
    let segments = segments.into_iter().map(|segment| {
        let change = change(stored.segment(segment.key.as_str()), &segment);
        Planned {
            definition: segment,
            change,
        }
    });
    let flags = flags.into_iter().map(|flag| {
        let change = change(stored.flag(flag.key.as_str()), &flag);
        Planned {
            definition: flag,
            change,
        }
    });
    Ok(ImportPlan {
        segments: segments.collect(),
        flags: flags.collect(),
        notes: Vec::new(),
    })
}

/// Returns the first problems of the definitions of a document.
fn problems(document: &FlagDocument, stored: &impl Definitions) -> Problems {
    let next = Overlay::new(document, stored);
    let index = Index::of(&next);
    let mut problems = Problems::default();
    let keys = document.segments.iter().map(|segment| segment.key.as_str());
    let list = Place::Member(&Place::Root, "segments");
    distinct(keys, &list, "key", &mut problems);
    for (at, segment) in document.segments.iter().enumerate() {
        if problems.is_full() {
            return problems;
        }
        problems.append(Place::Index(&list, at), segment_problems(segment, &index));
    }
    let keys = document.flags.iter().map(|flag| flag.key.as_str());
    let list = Place::Member(&Place::Root, "flags");
    distinct(keys, &list, "key", &mut problems);
    for (at, flag) in document.flags.iter().enumerate() {
        if problems.is_full() {
            return problems;
        }
        problems.append(Place::Index(&list, at), flag_problems(flag, &index));
    }
    // Without cycles, costs are those of evaluations.
    if problems.is_empty() {
        let written: HashSet<&str> = document
            .flags
            .iter()
            .map(|flag| flag.key.as_str())
            .collect();
        let others = stored.flags();
        let others = others.filter(|flag| !written.contains(flag.key.as_str()));
        of_others(others, stored, &next, &mut problems);
    }
    problems
}

fn change<T: Serialize>(old: Option<&T>, new: &T) -> PlannedChange {
    let Some(old) = old else {
        return PlannedChange::Create;
    };
    let fields = difference(&compared(old), &compared(new));
    match fields.is_empty() {
        true => PlannedChange::Unchanged,
        false => PlannedChange::Replace { fields },
    }
}

/// A definition without the members that a server keeps itself.
fn compared(definition: &impl Serialize) -> Value {
    let mut definition = serde_json::to_value(definition).unwrap_or_default();
    let remove = |value: &mut Value| {
        if let Value::Object(members) = value {
            for name in ["created_at", "updated_at", "created_by"] {
                members.remove(name);
            }
        }
    };
    remove(&mut definition);
    if let Some(Value::Array(changes)) = definition.get_mut("scheduled_changes") {
        changes.iter_mut().for_each(remove);
    }
    definition
}

/// Sorts definitions so that each comes after those that it needs, and otherwise stays in its place.
fn ordered<T>(
    definitions: Vec<T>,
    key: impl Fn(&T) -> &str,
    needs: impl Fn(&T) -> Vec<&str>,
) -> Vec<T> {
    let order = {
        let places = definitions.iter().enumerate();
        let places: HashMap<&str, usize> = places.map(|(at, it)| (key(it), at)).collect();
        let mut order = Vec::with_capacity(definitions.len());
        let (mut entered, mut done) = (HashSet::new(), HashSet::new());
        for first in 0..definitions.len() {
            // Chains are short and cycles refused, but a stack of its own costs nothing.
            let mut open = vec![first];
            while let Some(&at) = open.last() {
                if entered.insert(at) {
                    let needed = definitions.get(at).map(&needs).unwrap_or_default();
                    let places = needed.iter().filter_map(|key| places.get(key).copied());
                    // One that waits elsewhere has to come before this one as well.
                    open.extend(places.filter(|at| !entered.contains(at)));
                } else {
                    open.pop();
                    if done.insert(at) {
                        order.push(at);
                    }
                }
            }
        }
        order
    };
    let mut definitions: Vec<Option<T>> = definitions.into_iter().map(Some).collect();
    let take = |at: usize| definitions.get_mut(at).and_then(Option::take);
    order.into_iter().filter_map(take).collect()
}

/// The definitions after an import.
struct Overlay<'a> {
    flags: Sorted<'a, Flag>,
    segments: Sorted<'a, Segment>,
}

/// Definitions by key. They are sorted as well, so that the problems of a document always come in the same order.
struct Sorted<'a, T> {
    by_key: HashMap<&'a str, &'a T>,
    sorted: Vec<&'a T>,
}

impl<'a, T> Sorted<'a, T> {
    /// Reads definitions with their keys. Later ones replace earlier ones.
    fn of(definitions: impl Iterator<Item = (&'a str, &'a T)>) -> Self {
        let by_key: HashMap<&str, &T> = definitions.collect();
        let mut sorted: Vec<_> = by_key.iter().map(|(key, it)| (*key, *it)).collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        Self {
            by_key,
            sorted: sorted.into_iter().map(|(_, it)| it).collect(),
        }
    }
}

impl<'a> Overlay<'a> {
    fn new(document: &'a FlagDocument, stored: &'a impl Definitions) -> Self {
        let flags = stored.flags().chain(&document.flags);
        let segments = stored.segments().chain(&document.segments);
        Self {
            flags: Sorted::of(flags.map(|flag| (flag.key.as_str(), flag))),
            segments: Sorted::of(segments.map(|segment| (segment.key.as_str(), segment))),
        }
    }
}

impl Definitions for Overlay<'_> {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.by_key.get(key).copied()
    }

    fn segment(&self, key: &str) -> Option<&Segment> {
        self.segments.by_key.get(key).copied()
    }

    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
        Box::new(self.flags.sorted.iter().copied())
    }

    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
        Box::new(self.segments.sorted.iter().copied())
    }
}
