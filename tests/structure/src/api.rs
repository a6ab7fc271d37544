//! The public API of the facade, followed through its re-exports.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Fields, ImplItem, Item, ItemImpl, ItemTrait, Signature, TraitItem, Type, Visibility,
};

use crate::{
    cfg,
    imports::scan,
    names::Target,
    packages::Package,
    signature,
    tree::{Binding, ModuleId, Tree, is_public, name_of},
};

/// Crates that users of the facade have anyhow, and may have to name.
const KNOWN: &[&str] = &[
    "alloc",
    "axum",
    "bytes",
    "core",
    "http",
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
    lines: BTreeSet<(String, String)>,
    exhaustive: BTreeSet<String>,
    /// Types in public signatures that no path of the facade leads to, each with one that shows it.
    unnamed: BTreeMap<String, String>,
}

/// A public name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Export {
    segments: usize,
    path: String,
    cfg: Vec<String>,
}

struct Walk<'a> {
    tree: &'a Tree,
    /// What each feature of the facade switches on.
    features: Vec<(String, Vec<String>)>,
    exports: BTreeMap<Target, BTreeSet<Export>>,
    api: Api,
}

impl Api {
    /// Reads the API of the crate that is called `facade` in code; `package` is its manifest.
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

    /// Types in public signatures that users cannot name, each with a signature.
    pub fn unnamed(&self) -> &BTreeMap<String, String> {
        &self.unnamed
    }
}

impl Walk<'_> {
    /// Collects the public names of a module, which users reach as `path`.
    fn export(&mut self, module: ModuleId, path: &str, cfg: &[String], seen: &mut Vec<ModuleId>) {
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

    fn line(&mut self, text: String, cfg: &[String]) {
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
    fn cfg_of(&self, module: ModuleId) -> Vec<String> {
        let info = &self.tree.modules[module];
        let around = info.parent.map(|parent| self.cfg_of(parent));
        [around.unwrap_or_default(), info.cfg.clone()].concat()
    }

    /// Writes the lines of one public name.
    fn describe(&mut self, target: &Target, exports: &BTreeSet<Export>) {
        let Some(first) = exports.first() else {
            return;
        };
        for other in exports.iter().filter(|other| other.path != first.path) {
            let line = format!("{}: use {}", other.path, first.path);
            self.line(line, &other.cfg);
        }
        let path = &first.path;
        match target {
            Target::Item(module, name) => {
                let tree = self.tree;
                let items = tree.modules[*module].items.iter();
                for item in items.filter(|item| name_of(item).as_deref() == Some(name)) {
                    let cfg = [first.cfg.clone(), self.cfg_of(*module)].concat();
                    self.item(*module, item, path, &cfg);
                }
            }
            Target::External(external) => {
                let line = format!("{path}: use {}", external.join("::"));
                self.line(line, &first.cfg);
            }
            Target::Module(_) => {}
        }
    }

    fn item(&mut self, module: ModuleId, item: &Item, path: &str, cfg: &[String]) {
        match item {
            Item::Struct(item) => {
                let cfg = [cfg, &cfg::of(&item.attrs)].concat();
                let is_public = |field: &syn::Field| matches!(field.vis, Visibility::Public(_));
                let is_open = !item.fields.is_empty() && item.fields.iter().all(is_public);
                let attributes = signature::attributes(&item.attrs);
                let generics = signature::generics(&item.generics);
                self.line(format!("{path}: {attributes}struct{generics}"), &cfg);
                if is_open && !attributes.contains("non_exhaustive") {
                    self.api.exhaustive.insert(path.to_owned());
                }
                for (at, field) in item.fields.iter().enumerate().filter(|(_, f)| is_public(f)) {
                    let name = field
                        .ident
                        .as_ref()
                        .map_or(at.to_string(), ToString::to_string);
                    let line = format!("{path}: field {name}: {}", signature::ty(&field.ty));
                    self.check(module, field.ty.to_token_stream(), &line);
                    self.line(line, &[&cfg[..], &cfg::of(&field.attrs)].concat());
                }
            }
            Item::Enum(item) => {
                let cfg = [cfg, &cfg::of(&item.attrs)].concat();
                let attributes = signature::attributes(&item.attrs);
                let generics = signature::generics(&item.generics);
                self.line(format!("{path}: {attributes}enum{generics}"), &cfg);
                if !attributes.contains("non_exhaustive") {
                    self.api.exhaustive.insert(path.to_owned());
                }
                for variant in &item.variants {
                    let payload = signature::payload(&variant.fields);
                    let payload = match &variant.fields {
                        Fields::Named(_) => format!(" {{ {payload} }}"),
                        Fields::Unnamed(_) => format!("({payload})"),
                        Fields::Unit => payload,
                    };
                    let attributes = signature::attributes(&variant.attrs);
                    let line = format!("{path}: variant {attributes}{}{payload}", variant.ident);
                    self.check(module, variant.fields.to_token_stream(), &line);
                    self.line(line, &[&cfg[..], &cfg::of(&variant.attrs)].concat());
                }
            }
            Item::Fn(item) => {
                let is_macro = |attr: &Attribute| attr.path().is_ident("proc_macro_attribute");
                match item.attrs.iter().any(is_macro) {
                    true => self.line(format!("{path}: attribute macro"), cfg),
                    false => self.function(module, &item.attrs, &item.sig, path, "", cfg),
                }
            }
            Item::Trait(item) => self.interface(module, item, path, cfg),
            Item::Type(item) => {
                let line = format!("{path}: type = {}", signature::ty(&item.ty));
                self.check(module, item.ty.to_token_stream(), &line);
                self.line(line, &[cfg, &cfg::of(&item.attrs)].concat());
            }
            Item::Const(item) => {
                let line = format!("{path}: const: {}", signature::ty(&item.ty));
                self.line(line, &[cfg, &cfg::of(&item.attrs)].concat());
            }
            _ => self.line(format!("{path}: an item that is not read"), cfg),
        }
    }

    fn function(
        &mut self,
        module: ModuleId,
        attrs: &[Attribute],
        sig: &Signature,
        path: &str,
        end: &str,
        cfg: &[String],
    ) {
        let attributes = signature::attributes(attrs);
        let line = format!("{path}: {attributes}{}{end}", signature::function(sig));
        self.check(module, sig.to_token_stream(), &line);
        self.line(line, &[cfg, &cfg::of(attrs)].concat());
    }

    fn interface(&mut self, module: ModuleId, item: &ItemTrait, path: &str, cfg: &[String]) {
        let cfg = [cfg, &cfg::of(&item.attrs)].concat();
        let generics = signature::generics(&item.generics);
        let bounds = signature::bounds(&item.supertraits);
        self.line(format!("{path}: trait{generics}{bounds}"), &cfg);
        for item in &item.items {
            match item {
                TraitItem::Fn(item) => {
                    let end = match item.default {
                        Some(_) => " { .. }",
                        None => "",
                    };
                    self.function(module, &item.attrs, &item.sig, path, end, &cfg);
                }
                TraitItem::Type(item) => {
                    let bounds = signature::bounds(&item.bounds);
                    self.line(format!("{path}: type {}{bounds}", item.ident), &cfg);
                }
                TraitItem::Const(item) => {
                    let line = format!("{path}: const {}: {}", item.ident, signature::ty(&item.ty));
                    self.line(line, &cfg);
                }
                _ => {}
            }
        }
    }

    /// Writes what `impl` blocks add to public types and say about public traits.
    fn implementations(&mut self) {
        let tree = self.tree;
        for (module, info) in tree.modules.iter().enumerate() {
            for item in &info.items {
                let Item::Impl(item) = item else { continue };
                let cfg = [self.cfg_of(module), cfg::of(&item.attrs)].concat();
                let of_type = self.export_of(module, &item.self_ty.to_token_stream());
                let is_hidden = item.trait_.as_ref().is_some_and(|(.., path, _)| {
                    let targets = self.types_in(module, path.to_token_stream());
                    let mut ours = targets.iter().filter(|t| matches!(t, Target::Item(..)));
                    ours.any(|target| !self.exports.contains_key(target))
                });
                if is_hidden {
                    continue;
                }
                let of_trait = match &item.trait_ {
                    Some((.., path, _)) => self.export_of(module, &path.to_token_stream()),
                    None => None,
                };
                match (of_type, &item.trait_) {
                    (Some(export), None) => {
                        let cfg = [export.cfg, cfg].concat();
                        self.inherent(module, item, &export.path, &cfg);
                    }
                    (Some(export), Some(_)) => {
                        let cfg = [export.cfg, cfg].concat();
                        self.of_trait(module, item, &export.path, &cfg);
                    }
                    (None, Some(_)) if is_generic(item) => {
                        if let Some(export) = of_trait {
                            let line =
                                format!("{}: {}", export.path, signature::implementation(item));
                            self.line(line, &[export.cfg, cfg].concat());
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// The shortest public name of the first type in `tokens`.
    fn export_of(&self, module: ModuleId, tokens: &TokenStream) -> Option<Export> {
        let path: syn::Path = syn::parse2(tokens.clone()).ok()?;
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let targets = self
            .tree
            .resolve(module, &segments, path.leading_colon.is_some());
        let exports = targets.iter().find_map(|target| self.exports.get(target))?;
        exports.first().cloned()
    }

    fn inherent(&mut self, module: ModuleId, item: &ItemImpl, path: &str, cfg: &[String]) {
        let parameters = match item.generics.params.is_empty() {
            true => String::new(),
            false => format!(" in {}", signature::implementation(item)),
        };
        for item in &item.items {
            match item {
                ImplItem::Fn(item) if is_public(&item.vis, &item.attrs) => {
                    self.function(module, &item.attrs, &item.sig, path, &parameters, cfg);
                }
                ImplItem::Const(item) if is_public(&item.vis, &item.attrs) => {
                    let line = format!("{path}: const {}: {}", item.ident, signature::ty(&item.ty));
                    self.check(module, item.ty.to_token_stream(), &line);
                    self.line(line, cfg);
                }
                _ => {}
            }
        }
    }

    fn of_trait(&mut self, module: ModuleId, item: &ItemImpl, path: &str, cfg: &[String]) {
        let mut line = format!("{path}: {}", signature::implementation(item));
        let mut types = TokenStream::new();
        for item in &item.items {
            if let ImplItem::Type(item) = item {
                line.push_str(&format!(
                    " type {} = {}",
                    item.ident,
                    signature::ty(&item.ty)
                ));
                let ty: &Type = &item.ty;
                types.extend(quote!(#ty,));
            }
        }
        self.check(module, types, &line);
        self.line(line, cfg);
    }

    /// The definitions of the types and traits that `tokens` name.
    fn types_in(&self, module: ModuleId, tokens: TokenStream) -> Vec<Target> {
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

    /// Notes the types in a signature that no public path leads to.
    fn check(&mut self, module: ModuleId, tokens: TokenStream, line: &str) {
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

fn is_generic(item: &ItemImpl) -> bool {
    item.generics.type_params().next().is_some()
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
