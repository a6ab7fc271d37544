use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{ImplItem, Item, ItemImpl, Type};

use super::walk::{Export, Walk};
use crate::{
    cfg,
    names::Target,
    signature,
    tree::{ModuleId, is_public},
};

impl Walk<'_> {
    /// Lists the effects of `impl` blocks on public types and traits.
    pub(super) fn implementations(&mut self) {
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
        self.document(module, path, &item.attrs);
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
}

fn is_generic(item: &ItemImpl) -> bool {
    item.generics.type_params().next().is_some()
}
