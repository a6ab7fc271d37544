//! All definitions, with what the checks look up. Each part is built when it is needed first.

use std::{
    cell::{OnceCell, RefCell, RefMut},
    collections::HashMap,
};

use super::{
    cost::Costs, definitions::Definitions, later, layer::Layers, needs::flag_needs, users::Users,
};
use crate::{
    flag::model::{Flag, Prerequisite, Segment},
    similar::nearest,
};

/// The most unknown keys for which a similar one is searched, which compares each with all keys.
const MOST_SUGGESTIONS: usize = 5;

/// The definitions around those that are checked, for one check or for all checks of a document.
pub(in crate::flag) struct Index<'a> {
    others: &'a dyn Definitions,
    flags: Vec<&'a Flag>,
    flag_users: OnceCell<Users<'a>>,
    segment_users: OnceCell<Users<'a>>,
    later: OnceCell<Later<'a>>,
    layers: OnceCell<Layers<'a>>,
    costs: RefCell<Costs<'a>>,
    suggestions: Suggestions<'a>,
    segment_suggestions: Suggestions<'a>,
}

/// Unknown keys, each with the similar one that may be meant.
#[derive(Default)]
struct Suggestions<'a>(RefCell<Vec<(String, Option<&'a str>)>>);

impl<'a> Suggestions<'a> {
    /// Returns the key that is meant by an unknown one, for the first of them.
    fn of(&self, key: &str, keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let mut known = self.0.borrow_mut();
        if let Some((_, meant)) = known.iter().find(|(other, _)| other == key) {
            return *meant;
        }
        if known.len() == MOST_SUGGESTIONS {
            return None;
        }
        let meant = nearest(key, &keys.collect::<Vec<_>>());
        known.push((key.to_owned(), meant));
        meant
    }
}

/// Flags with scheduled changes to their prerequisites.
#[derive(Default)]
struct Later<'a> {
    /// The positions of the flags that may need a key.
    users: HashMap<&'a str, Vec<usize>>,
    prerequisites: HashMap<usize, OnceCell<Vec<Prerequisite>>>,
}

impl<'a> Index<'a> {
    pub(in crate::flag) fn of(others: &'a dyn Definitions) -> Self {
        Self {
            others,
            flags: others.flags().collect(),
            flag_users: OnceCell::new(),
            segment_users: OnceCell::new(),
            later: OnceCell::new(),
            layers: OnceCell::new(),
            costs: RefCell::new(Costs::of(others)),
            suggestions: Suggestions::default(),
            segment_suggestions: Suggestions::default(),
        }
    }

    pub(super) fn others(&self) -> &'a dyn Definitions {
        self.others
    }

    pub(super) fn flag(&self, key: &str) -> Option<&'a Flag> {
        self.others.flag(key)
    }

    pub(super) fn segment(&self, key: &str) -> Option<&'a Segment> {
        self.others.segment(key)
    }

    /// Returns the flags in their order.
    pub(super) fn flags(&self) -> &[&'a Flag] {
        &self.flags
    }

    /// Returns the flags that need each flag now.
    pub(super) fn flag_users(&self) -> &Users<'a> {
        self.flag_users.get_or_init(|| {
            let flags = self.flags.iter();
            let needs = flags.map(|flag| (flag.key.as_str(), flag_needs(flag).collect()));
            Users::of(&needs.collect::<Vec<_>>())
        })
    }

    /// Returns the segments that need each segment.
    pub(super) fn segment_users(&self) -> &Users<'a> {
        self.segment_users.get_or_init(|| {
            let segments = self.others.segments();
            let needs =
                segments.map(|segment| (segment.key.as_str(), segment.needed_segments().collect()));
            Users::of(&needs.collect::<Vec<_>>())
        })
    }

    pub(super) fn layers(&self) -> &Layers<'a> {
        self.layers.get_or_init(|| Layers::of(&self.flags))
    }

    /// Returns the decisions that the definitions need as they are.
    pub(super) fn costs(&self) -> RefMut<'_, Costs<'a>> {
        self.costs.borrow_mut()
    }

    /// Returns the positions of the flags that need a flag now, or may need it after a scheduled change.
    pub(super) fn users_over_time(&self, key: &str) -> Vec<usize> {
        let now = self.flag_users().positions(key);
        let later = self.later().users.get(key);
        let mut positions = [now, later.map_or(&[][..], Vec::as_slice)].concat();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// Returns the prerequisites of a flag after each of its scheduled changes, if they may change.
    pub(super) fn later_prerequisites(&self, at: usize) -> &[Prerequisite] {
        let later = self.later().prerequisites.get(&at);
        match (later, self.flags.get(at)) {
            (Some(cell), Some(flag)) => cell.get_or_init(|| later::prerequisites(flag)),
            _ => &[],
        }
    }

    fn later(&self) -> &Later<'a> {
        self.later.get_or_init(|| {
            let mut found = Later::default();
            for (at, flag) in self.flags.iter().enumerate() {
                later::mentioned_flags(flag, &mut |key| {
                    found.users.entry(key).or_default().push(at);
                    found.prerequisites.entry(at).or_default();
                });
            }
            found
        })
    }

    /// Returns the key of a flag that is meant by an unknown one, for the first of them.
    pub(super) fn suggestion(&self, key: &str) -> Option<&'a str> {
        let flags = self.flags.iter();
        self.suggestions
            .of(key, flags.map(|flag| flag.key.as_str()))
    }

    /// Returns the key of a segment that is meant by an unknown one, for the first of them.
    pub(super) fn segment_suggestion(&self, key: &str) -> Option<&'a str> {
        let segments = self.others.segments();
        self.segment_suggestions
            .of(key, segments.map(|segment| segment.key.as_str()))
    }
}
