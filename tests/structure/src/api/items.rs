use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Attribute, Fields, FnArg, Item, ItemTrait, Signature, TraitItem, Visibility};

use super::walk::{Export, Walk};
use crate::{
    cfg,
    names::Target,
    signature,
    tree::{ModuleId, attributes, is_hidden, name_of},
};

impl Walk<'_> {
    /// Lists the lines of one public name.
    pub(super) fn describe(&mut self, target: &Target, exports: &BTreeSet<Export>) {
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
        self.document(module, path, attributes(item));
        self.api.pages.want(path, "");
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
                let has = |name: &str| item.attrs.iter().any(|attr| attr.path().is_ident(name));
                if has("proc_macro_attribute") {
                    self.line(format!("{path}: attribute macro"), cfg);
                } else if has("proc_macro") {
                    self.line(format!("{path}: macro"), cfg);
                } else {
                    self.function(module, &item.attrs, &item.sig, path, "", cfg);
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

    /// Notes the examples of a documentation comment.
    pub(super) fn document(&mut self, module: ModuleId, page: &str, attrs: &[Attribute]) {
        let file = &self.tree.modules[module].file;
        self.api.pages.add(page, attrs, file);
    }

    pub(super) fn function(
        &mut self,
        module: ModuleId,
        attrs: &[Attribute],
        sig: &Signature,
        path: &str,
        end: &str,
        cfg: &[String],
    ) {
        self.document(module, path, attrs);
        let is_method = !path.ends_with(&format!("::{}", sig.ident));
        let mut inputs = sig.inputs.iter();
        if is_method && inputs.any(|input| matches!(input, FnArg::Typed(_))) {
            self.api.pages.want(path, &sig.ident.to_string());
        }
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
                TraitItem::Fn(item) if !is_hidden(&item.attrs) => {
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
}
