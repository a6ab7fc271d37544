//! Finds the components that a part of the document uses, so that those of hidden operations can be omitted: their
//! names and shapes would reveal hidden operations.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

/// The components that a part of the document refers to, by number.
pub(super) type Uses = Box<[usize]>;

/// The numbers of all components: in the order of their kinds, and of their names within a kind.
#[derive(Debug, Default)]
pub(super) struct Numbers<'a>(HashMap<(&'a str, &'a str), usize>);

impl<'a> Numbers<'a> {
    pub(super) fn of(components: &'a Map<String, Value>) -> Self {
        let kinds = components
            .iter()
            .filter_map(|(kind, entries)| Some((kind, entries_of(kind, entries)?)));
        let names = kinds
            .flat_map(|(kind, entries)| entries.keys().map(|name| (kind.as_str(), name.as_str())));
        Self(names.zip(0..).collect())
    }

    /// The references in `value`, in all of OpenAPI's forms.
    pub(super) fn uses(&self, value: &Value) -> Uses {
        let mut found = BTreeSet::new();
        self.walk(value, &mut found);
        found.into_iter().collect()
    }

    fn walk(&self, value: &Value, found: &mut BTreeSet<usize>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, found)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.look(name, value, found);
                    self.walk(value, found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn look(&self, name: &str, value: &Value, found: &mut BTreeSet<usize>) {
        match (name, value) {
            ("$ref" | "$dynamicRef", Value::String(target)) => found.extend(self.target(target)),
            // The values of a mapping are references or bare names of schemas.
            ("discriminator", Value::Object(discriminator)) => {
                let mapping = discriminator.get("mapping").and_then(Value::as_object);
                for target in mapping.into_iter().flat_map(Map::values) {
                    let target = target.as_str().unwrap_or_default();
                    let bare = || self.0.get(&("schemas", target)).copied();
                    found.extend(self.target(target).or_else(bare));
                }
            }
            ("security", Value::Array(requirements)) => {
                let schemes = requirements.iter().filter_map(Value::as_object);
                for scheme in schemes.flat_map(Map::keys) {
                    found.extend(self.0.get(&("securitySchemes", scheme.as_str())));
                }
            }
            _ => {}
        }
    }

    /// The component that a reference points to, or into.
    fn target(&self, reference: &str) -> Option<usize> {
        let mut steps = reference.strip_prefix("#/components/")?.split('/');
        self.0.get(&(steps.next()?, steps.next()?)).copied()
    }
}

/// The components of a kind; `None` for members of `components` that are not kinds, such as extensions.
pub(super) fn entries_of<'a>(kind: &str, entries: &'a Value) -> Option<&'a Map<String, Value>> {
    entries.as_object().filter(|_| !kind.starts_with("x-"))
}

/// The components reachable from `seeds`, where `edges` returns the references of each component.
pub(super) fn reachable(edges: &[&Uses], seeds: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    let mut open: Vec<usize> = seeds.into_iter().collect();
    while let Some(next) = open.pop() {
        if !std::mem::replace(&mut reached[next], true) {
            open.extend(edges[next].iter().filter(|used| !reached[**used]));
        }
    }
    reached
}
