use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ItemUse;

use crate::{
    names::Target,
    tree::{ModuleId, Tree, Use, leaves_of},
};

/// The names that one file uses from another; both relative to the workspace.
pub type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// Lists the imports between files. A path counts for the file that defines the name, not for files that re-export
/// it. A module that re-exports its own children does not import them.
pub fn imports(tree: &Tree) -> Imports {
    let mut imports = Imports::new();
    for module in 0..tree.modules.len() {
        let info = &tree.modules[module];
        let mut words = BTreeSet::new();
        let mut paths = Vec::new();
        for item in &info.items {
            scan(item.to_token_stream(), &mut words, &mut paths);
        }
        for used in &info.uses {
            match &used.name {
                Some(name)
                    if used.is_private
                        || words.contains(name)
                        || !is_of_child(tree, module, used) =>
                {
                    paths.push((used.path.clone(), used.leading_colon));
                }
                Some(_) => {}
                // The names that a glob imports are among the words.
                None => paths.extend(words.iter().map(|word| (vec![word.clone()], false))),
            }
        }
        for (path, leading_colon) in paths {
            for target in tree.resolve(module, &path, leading_colon) {
                let (Target::Item(home, name), info) = (target, &tree.modules[module]) else {
                    continue;
                };
                let to = &tree.modules[home].file;
                if *to != info.file {
                    let edge = (info.file.clone(), to.clone());
                    imports.entry(edge).or_default().insert(name);
                }
            }
        }
    }
    imports
}

fn is_of_child(tree: &Tree, module: ModuleId, used: &Use) -> bool {
    let is_below = |mut home: ModuleId| loop {
        match tree.modules[home].parent {
            Some(parent) if parent == module => return true,
            Some(parent) => home = parent,
            None => return false,
        }
    };
    let targets = tree.resolve(module, &used.path, used.leading_colon);
    targets.into_iter().all(|target| match target {
        Target::Item(home, _) | Target::Module(home) => home == module || is_below(home),
        Target::External(_) => true,
    })
}

/// Collects identifiers, and paths of two or more segments, each with whether it starts with `::`.
pub(crate) fn scan(
    tokens: TokenStream,
    words: &mut BTreeSet<String>,
    paths: &mut Vec<(Vec<String>, bool)>,
) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_colon =
        |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Group(group) => scan(group.stream(), words, paths),
            TokenTree::Ident(word) if word == "use" => {
                let end = (at..trees.len()).find(|end| trees[*end].to_string() == ";");
                let end = end.unwrap_or(trees.len() - 1);
                let tokens = trees[at..=end].iter().cloned().collect();
                if let Ok(item) = syn::parse2::<ItemUse>(tokens) {
                    let mut leaves = Vec::new();
                    leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
                    let leading_colon = item.leading_colon.is_some();
                    paths.extend(leaves.into_iter().map(|(path, _)| (path, leading_colon)));
                }
                at = end;
            }
            TokenTree::Ident(word) => {
                let leading_colon = at > 1 && is_colon(at - 1) && is_colon(at - 2);
                let mut path = vec![word.to_string()];
                while is_colon(at + 1) && is_colon(at + 2) {
                    let Some(TokenTree::Ident(segment)) = trees.get(at + 3) else {
                        break;
                    };
                    path.push(segment.to_string());
                    at += 3;
                }
                words.insert(path[0].clone());
                if path.len() > 1 {
                    paths.push((path, leading_colon));
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}
