//! The definitions that need each key.

use std::collections::BTreeSet;

use super::graph::MAX_DEPTH;
use crate::flag::map::Map;

/// The users of each key, among definitions in an order. A definition is known by its position.
pub(super) struct Users<'a> {
    /// Positions of definitions that need others, followed by numbers for keys that only occur as needs.
    numbers: Map<&'a str, usize>,
    keys: Vec<&'a str>,
    users: Vec<Vec<usize>>,
    heights: Vec<usize>,
}

impl<'a> Users<'a> {
    /// Reads definitions, each with the keys that it needs.
    pub(super) fn of(definitions: &[(&'a str, Vec<&'a str>)]) -> Self {
        let mut found = Self {
            numbers: Map::default(),
            keys: definitions.iter().map(|(key, _)| *key).collect(),
            users: vec![Vec::new(); definitions.len()],
            heights: Vec::new(),
        };
        // Most definitions need no other.
        for (at, (key, needs)) in definitions.iter().enumerate() {
            if !needs.is_empty() {
                found.numbers.entry(key).or_insert(at);
            }
        }
        for (at, (_, needs)) in definitions.iter().enumerate() {
            needs.iter().for_each(|key| found.insert(key, at));
        }
        found.heights = heights(&found.users);
        found
    }

    fn insert(&mut self, key: &'a str, user: usize) {
        let number = *self.numbers.entry(key).or_insert(self.keys.len());
        if number == self.keys.len() {
            self.keys.push(key);
            self.users.push(Vec::new());
        }
        if let Some(users) = self.users.get_mut(number)
            && users.last() != Some(&user)
        {
            users.push(user);
        }
    }

    /// Returns a key, if it is that of a definition or needed by one.
    pub(super) fn key(&self, key: &str) -> Option<&'a str> {
        let number = self.numbers.get(key)?;
        self.keys.get(*number).copied()
    }

    /// Returns the positions of the definitions that need a key, in order.
    pub(super) fn positions(&self, key: &str) -> &[usize] {
        let number = self.numbers.get(key);
        let users = number.and_then(|number| self.users.get(*number));
        users.map_or(&[], Vec::as_slice)
    }

    /// Returns the longest chain of users, which ends beyond [`MAX_DEPTH`].
    pub(super) fn height(&self, key: &str) -> usize {
        let number = self.numbers.get(key);
        let height = number.and_then(|number| self.heights.get(*number));
        height.copied().unwrap_or(0)
    }

    /// Returns the keys of all definitions that need a key, directly or not.
    pub(super) fn all_above(&self, key: &str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![key];
        while let Some(key) = open.pop() {
            let users = self.positions(key).iter();
            for user in users.filter_map(|at| self.keys.get(*at)) {
                if found.insert(*user) {
                    open.push(user);
                }
            }
        }
        found
    }
}

/// Returns the longest chain of users of each number, at most one more than [`MAX_DEPTH`].
///
/// Each round adds at least one step to all chains that are not complete, so cycles end as well.
fn heights(users: &[Vec<usize>]) -> Vec<usize> {
    let mut heights = vec![0_usize; users.len()];
    for _ in 0..=MAX_DEPTH {
        let mut changed = false;
        for (number, users) in users.iter().enumerate() {
            let above = users.iter().filter_map(|user| heights.get(*user)).max();
            let height = above.map_or(0, |above| (above + 1).min(MAX_DEPTH + 1));
            if let Some(known) = heights.get_mut(number)
                && *known < height
            {
                (*known, changed) = (height, true);
            }
        }
        if !changed {
            break;
        }
    }
    heights
}
