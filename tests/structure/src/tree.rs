use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta, UseTree, Visibility};

use crate::{cfg, macros::Rule};

pub(crate) type ModuleId = usize;

/// The crates of the workspace, parsed.
#[derive(Default)]
pub struct Tree {
    pub(crate) crates: Vec<Crate>,
    pub(crate) modules: Vec<Module>,
    rules: BTreeMap<String, Rule>,
}

pub(crate) struct Crate {
    /// The name in code: `waygate_core`.
    pub(crate) name: String,
    pub(crate) root: ModuleId,
}

/// A module that is not compiled for tests only.
pub(crate) struct Module {
    pub(crate) in_crate: usize,
    pub(crate) parent: Option<ModuleId>,
    /// Relative to the workspace, with `/`.
    pub(crate) file: String,
    pub(crate) cfg: Vec<String>,
    /// Whether it is `pub`, and not hidden from the documentation.
    pub(crate) is_public: bool,
    /// Items other than modules and `use`.
    pub(crate) items: Vec<Item>,
    pub(crate) names: BTreeMap<String, Vec<Binding>>,
    pub(crate) uses: Vec<Use>,
}

/// The meaning of a name in a module.
#[derive(Debug, Clone)]
pub(crate) enum Binding {
    Item,
    Module(ModuleId),
    /// The index of the `use`.
    Use(usize),
}

/// One name, or the glob, of a `use`.
#[derive(Debug)]
pub(crate) struct Use {
    /// Without the glob; from the root of a crate with a leading `::`.
    pub(crate) path: Vec<String>,
    pub(crate) leading_colon: bool,
    /// The name in this module; `None` for a glob.
    pub(crate) name: Option<String>,
    /// Without `pub` of any kind.
    pub(crate) is_private: bool,
    /// Whether it is `pub`, and not hidden from the documentation.
    pub(crate) is_public: bool,
    pub(crate) cfg: Vec<String>,
}

/// The place where a module is declared.
struct Site {
    in_crate: usize,
    parent: Option<ModuleId>,
    cfg: Vec<String>,
    is_public: bool,
}

impl Tree {
    /// Parses crates, given as the name in code and the folder of their sources, relative to `root`.
    ///
    /// # Panics
    /// If a file cannot be read or parsed.
    pub fn load(root: &Path, crates: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (name, folder) in crates {
            let file = Path::new(folder).join("lib.rs");
            let in_crate = tree.crates.len();
            tree.crates.push(Crate {
                name: (*name).to_owned(),
                root: tree.modules.len(),
            });
            let (items, directory) = (parse(root, &file), PathBuf::from(folder));
            let root_module = Site {
                in_crate,
                parent: None,
                cfg: Vec::new(),
                is_public: true,
            };
            tree.add(root, root_module, &file, &directory, items);
        }
        for module in 0..tree.modules.len() {
            tree.expand(module);
        }
        tree
    }

    /// Files of the product, each once.
    pub fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self.modules.iter().map(|m| m.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// `directory` holds the files of the module's children.
    fn add(
        &mut self,
        root: &Path,
        site: Site,
        file: &Path,
        directory: &Path,
        items: Vec<Item>,
    ) -> ModuleId {
        let id = self.modules.len();
        let in_crate = site.in_crate;
        self.modules.push(Module {
            in_crate,
            parent: site.parent,
            file: file.display().to_string(),
            cfg: site.cfg,
            is_public: site.is_public,
            items: Vec::new(),
            names: BTreeMap::new(),
            uses: Vec::new(),
        });
        for item in items {
            if cfg::is_test(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let site = Site {
                        in_crate,
                        parent: Some(id),
                        cfg: cfg::of(&child.attrs),
                        is_public: is_public(&child.vis, &child.attrs),
                    };
                    let (file, directory, items) = match child.content {
                        Some((_, items)) => (file.to_owned(), directory.join(&name), items),
                        None => {
                            let file = match explicit_path(&child.attrs) {
                                Some(path) => directory.join(path),
                                None => file_of(root, directory, &name),
                            };
                            let items = parse(root, &file);
                            (file, directory.join(&name), items)
                        }
                    };
                    let child = self.add(root, site, &file, &directory, items);
                    self.bind(id, name, Binding::Module(child));
                }
                Item::Use(item) => {
                    let mut leaves = Vec::new();
                    leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
                    for (path, name) in leaves {
                        let at = self.modules[id].uses.len();
                        if let Some(name) = &name {
                            self.bind(id, name.clone(), Binding::Use(at));
                        }
                        self.modules[id].uses.push(Use {
                            path,
                            leading_colon: item.leading_colon.is_some(),
                            name,
                            is_private: matches!(item.vis, Visibility::Inherited),
                            is_public: is_public(&item.vis, &item.attrs),
                            cfg: cfg::of(&item.attrs),
                        });
                    }
                }
                Item::Macro(item) if item.mac.path.is_ident("macro_rules") => {
                    let Some(name) = &item.ident else { continue };
                    let is_exported = |attr: &Attribute| attr.path().is_ident("macro_export");
                    let home = match item.attrs.iter().any(is_exported) {
                        true => self.crates[in_crate].root,
                        false => id,
                    };
                    self.bind(home, name.to_string(), Binding::Item);
                    let rule = Rule::parse(item.mac.tokens.clone());
                    self.rules.extend(rule.map(|rule| (name.to_string(), rule)));
                    self.modules[id].items.push(Item::Macro(item));
                }
                item => self.modules[id].items.push(item),
            }
        }
        id
    }

    /// Replaces invocations of macros with the items that they declare, and names all items.
    fn expand(&mut self, module: ModuleId) {
        let mut items = Vec::new();
        for item in std::mem::take(&mut self.modules[module].items) {
            match &item {
                Item::Macro(invoked) if invoked.ident.is_none() => {
                    let name = invoked
                        .mac
                        .path
                        .segments
                        .last()
                        .map(|s| s.ident.to_string());
                    let rule = name.and_then(|name| self.rules.get(&name));
                    let tokens = match rule {
                        Some(rule) => rule.expand(invoked.mac.tokens.clone()),
                        // Such as `pin_project!`, whose argument is the item itself.
                        None => Some(invoked.mac.tokens.clone()),
                    };
                    match tokens.and_then(|tokens| syn::parse2::<syn::File>(tokens).ok()) {
                        Some(file) => items.extend(file.items),
                        None => items.push(item),
                    }
                }
                _ => items.push(item),
            }
        }
        items.retain(|item| !cfg::is_test(attributes(item)));
        for name in items.iter().filter_map(name_of) {
            self.bind(module, name, Binding::Item);
        }
        self.modules[module].items = items;
    }

    fn bind(&mut self, module: ModuleId, name: String, binding: Binding) {
        let names = &mut self.modules[module].names;
        names.entry(name).or_default().push(binding);
    }
}

pub(crate) fn is_public(visibility: &Visibility, attrs: &[Attribute]) -> bool {
    matches!(visibility, Visibility::Public(_)) && !is_hidden(attrs)
}

/// Returns whether documentation leaves an item out.
pub(crate) fn is_hidden(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        Meta::List(list) => list.path.is_ident("doc") && list.tokens.to_string() == "hidden",
        _ => false,
    })
}

fn parse(root: &Path, file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(root.join(file));
    let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    match syn::parse_file(&text) {
        Ok(file) => file.items,
        Err(error) => panic!("cannot parse {}: {error}", file.display()),
    }
}

fn file_of(root: &Path, directory: &Path, name: &str) -> PathBuf {
    let flat = directory.join(format!("{name}.rs"));
    match root.join(&flat).exists() {
        true => flat,
        false => directory.join(name).join("mod.rs"),
    }
}

fn explicit_path(attrs: &[Attribute]) -> Option<String> {
    attrs.iter().find_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(path),
                ..
            }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Collects the paths of a `use` with the names that they get.
pub(crate) fn leaves_of(
    tree: &UseTree,
    prefix: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, Option<String>)>,
) {
    let path = |prefix: &[String], last: String| {
        let last = (last != "self").then_some(last);
        prefix.iter().cloned().chain(last).collect::<Vec<_>>()
    };
    match tree {
        UseTree::Path(inner) => {
            prefix.push(inner.ident.to_string());
            leaves_of(&inner.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Name(name) => {
            let path = path(prefix, name.ident.to_string());
            let name = path.last().cloned();
            leaves.push((path, name));
        }
        UseTree::Rename(rename) => {
            let path = path(prefix, rename.ident.to_string());
            leaves.push((path, Some(rename.rename.to_string())));
        }
        UseTree::Glob(_) => leaves.push((prefix.clone(), None)),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves_of(tree, prefix, leaves);
            }
        }
    }
}

pub(crate) fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
