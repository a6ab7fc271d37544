//! The public API of the facade, followed through its re-exports.

mod examples;
mod impls;
mod items;
mod walk;

use std::collections::BTreeMap;

pub use self::walk::Api;
use self::walk::Walk;
use crate::{packages::Package, tree::Tree};

impl Api {
    /// Reads the API of the crate called `facade` in code, with the manifest `package`.
    ///
    /// # Panics
    /// If the tree has no such crate.
    pub fn of(tree: &Tree, facade: &str, package: &Package) -> Self {
        let facade = tree.crates.iter().find(|c| c.name == facade);
        let facade = facade.expect("the facade should be in the tree");
        let mut walk = Walk {
            tree,
            features: package.features(),
            exports: BTreeMap::new(),
            api: Self::default(),
        };
        walk.export(facade.root, &facade.name, &[], &mut Vec::new());
        for (target, exports) in walk.exports.clone() {
            walk.describe(&target, &exports);
        }
        walk.implementations();
        walk.api
    }

    /// Writes one line for each public item, and a list of the types that can grow in a breaking release only.
    pub fn text(&self) -> String {
        let mut text: String = self
            .lines
            .iter()
            .map(|(line, cfg)| format!("{cfg}{line}\n"))
            .collect();
        text.push_str("\n# Structs that can be built and enums that can be matched in full: a new field or variant breaks users.\n");
        text.extend(self.exhaustive.iter().map(|path| format!("{path}\n")));
        text
    }

    /// Items that no example on their page of the documentation shows: a type, trait or function has one, and a method with
    /// arguments is named by one.
    pub fn unshown(&self) -> Vec<String> {
        self.pages.missing()
    }

    /// Types in public signatures that users cannot name, each with a signature.
    pub fn unnamed(&self) -> &BTreeMap<String, String> {
        &self.unnamed
    }
}
