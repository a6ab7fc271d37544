use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use syn::Item;

use super::examples::Pages;
use crate::{
    imports::scan,
    names::Target,
    tree::{Binding, ModuleId, Tree, is_public, name_of},
};

/// Crates that users of the facade depend on anyway, and may have to name.
const KNOWN: &[&str] = &[
    "alloc",
    "axum",
    "bytes",
    "core",
    "http",
    "opentelemetry",
    "serde",
    "serde_json",
    "std",
    "tower",
    "utoipa",
    "utoipa_axum",
];

/// The public API of a crate.
#[derive(Debug, Default)]
pub struct Api {
    pub(super) lines: BTreeSet<(String, String)>,
    pub(super) exhaustive: BTreeSet<String>,
    /// Types in public signatures that no path of the facade leads to, each with a signature that contains it.
    pub(super) unnamed: BTreeMap<String, String>,
    pub(super) pages: Pages,
}

/// A public name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Export {
    pub(super) segments: usize,
    pub(super) path: String,
    pub(super) cfg: Vec<String>,
}

pub(super) struct Walk<'a> {
    pub(super) tree: &'a Tree,
    /// What each feature of the facade switches on.
    pub(super) features: Vec<(String, Vec<String>)>,
    pub(super) exports: BTreeMap<Target, BTreeSet<Export>>,
    pub(super) api: Api,
}

impl Walk<'_> {
    /// Collects the public names of a module, which users reach as `path`.
    pub(super) fn export(
        &mut self,
        module: ModuleId,
        path: &str,
        cfg: &[String],
        seen: &mut Vec<ModuleId>,
    ) {
        if seen.contains(&module) {
            return;
        }
        seen.push(module);
        let tree = self.tree;
        let info = &tree.modules[module];
        let below = |name: &str| format!("{path}::{name}");
        for item in info.items.iter().filter(|item| is_public_item(item)) {
            if let Some(name) = name_of(item) {
                let path = below(&name);
                self.enter(Target::Item(module, name), path, cfg.to_vec());
            }
        }
        for (name, bindings) in &info.names {
            for binding in bindings {
                if let Binding::Module(inner) = binding
                    && tree.modules[*inner].is_public
                {
                    let cfg = [cfg, &tree.modules[*inner].cfg].concat();
                    self.export(*inner, &below(name), &cfg, seen);
                }
            }
        }
        for used in info.uses.iter().filter(|used| used.is_public) {
            let cfg = [cfg, &used.cfg].concat();
            for target in tree.resolve(module, &used.path, used.leading_colon) {
                match (&used.name, target) {
                    (Some(name), Target::Module(inner)) => {
                        self.export(inner, &below(name), &cfg, seen);
                    }
                    (None, Target::Module(inner)) => self.export(inner, path, &cfg, seen),
                    (Some(name), target) => self.enter(target, below(name), cfg.clone()),
                    (None, _) => {}
                }
            }
        }
        seen.pop();
    }

    fn enter(&mut self, target: Target, path: String, cfg: Vec<String>) {
        self.exports.entry(target).or_default().insert(Export {
            segments: path.matches("::").count(),
            path,
            cfg,
        });
    }

    pub(super) fn line(&mut self, text: String, cfg: &[String]) {
        let cfg = self.features_of(cfg);
        self.api.lines.insert((text, cfg));
    }

    /// Writes conditions as a prefix, without those that others imply and those that always hold.
    fn features_of(&self, cfg: &[String]) -> String {
        let parts: BTreeSet<&str> = cfg.iter().flat_map(|one| one.split('+')).collect();
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| !["model", "memory"].contains(part))
            .collect();
        let is_implied = |part: &str| {
            let others = parts.iter().filter(|other| **other != part);
            let mut others = others.filter(|other| !other.contains('|'));
            others.any(|other| {
                part.split('|')
                    .any(|one| other == &one || self.implies(other, one))
            })
        };
        let kept: Vec<&str> = parts
            .iter()
            .copied()
            .filter(|part| !is_implied(part))
            .collect();
        match kept.is_empty() {
            true => String::new(),
            false => format!("[{}] ", kept.join("+")),
        }
    }

    fn implies(&self, feature: &str, other: &str) -> bool {
        let on = self.features.iter().find(|(name, _)| name == feature);
        on.is_some_and(|(_, on)| on.iter().any(|on| on == other || self.implies(on, other)))
    }

    /// The conditions of a module and of those around it.
    pub(super) fn cfg_of(&self, module: ModuleId) -> Vec<String> {
        let info = &self.tree.modules[module];
        let around = info.parent.map(|parent| self.cfg_of(parent));
        [around.unwrap_or_default(), info.cfg.clone()].concat()
    }

    /// The definitions of the types and traits that `tokens` name.
    pub(super) fn types_in(&self, module: ModuleId, tokens: TokenStream) -> Vec<Target> {
        let (mut words, mut paths) = (BTreeSet::new(), Vec::new());
        scan(tokens, &mut words, &mut paths);
        paths.extend(words.into_iter().map(|word| (vec![word], false)));
        let is_type = |path: &[String]| {
            path.last()
                .is_some_and(|name| name.starts_with(char::is_uppercase))
        };
        paths.retain(|(path, _)| is_type(path));
        let targets = paths
            .iter()
            .flat_map(|(path, colon)| self.tree.resolve(module, path, *colon));
        targets.collect()
    }

    /// Records the types in a signature that no public path leads to.
    pub(super) fn check(&mut self, module: ModuleId, tokens: TokenStream, line: &str) {
        for target in self.types_in(module, tokens) {
            let name = match &target {
                Target::Item(home, name) => {
                    let home = &self.tree.modules[*home];
                    format!("{}::{name}", self.tree.crates[home.in_crate].name)
                }
                Target::External(path) if !KNOWN.contains(&path[0].as_str()) => path.join("::"),
                Target::External(_) | Target::Module(_) => continue,
            };
            if !self.exports.contains_key(&target) {
                let lines = self.api.unnamed.entry(name);
                lines.or_insert_with(|| line.to_owned());
            }
        }
    }
}

fn is_public_item(item: &Item) -> bool {
    match item {
        Item::Const(item) => is_public(&item.vis, &item.attrs),
        Item::Enum(item) => is_public(&item.vis, &item.attrs),
        Item::Fn(item) => is_public(&item.vis, &item.attrs),
        Item::Static(item) => is_public(&item.vis, &item.attrs),
        Item::Struct(item) => is_public(&item.vis, &item.attrs),
        Item::Trait(item) => is_public(&item.vis, &item.attrs),
        Item::Type(item) => is_public(&item.vis, &item.attrs),
        _ => false,
    }
}
