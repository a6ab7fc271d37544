//! Annotated handlers that need no route.

use std::collections::BTreeSet;

use waygate_core::{Printable, similar::typing_errors};

use super::{BindError, claim::Claim, help::module};
use crate::registry::HandlerDeclaration;

/// The builder's settings for handlers without a route. Each entry is the path of a handler or of a module above it.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Unmounted<'a> {
    /// Handlers that need no route.
    pub(in crate::http) allowed: &'a [String],
    /// If not empty, all other handlers need no route.
    pub(in crate::http) required: &'a [String],
}

impl Unmounted<'_> {
    /// An `allowed` entry without a match is only logged, since handlers may depend on features. A `required` entry
    /// without a match is an error: it would exclude all handlers.
    pub(super) fn check(self, handlers: &[HandlerDeclaration], errors: &mut Vec<BindError>) {
        let known = |path: &str| handlers.iter().any(|handler| handler.is_under(path));
        let unknown = |path: &&String| !path.is_empty() && !known(path);
        for path in self.allowed.iter().filter(unknown) {
            tracing::warn!(
                path = ?Printable(path),
                "`allow_unmounted` matches no annotated handler or module"
            );
        }
        for path in self.required.iter().filter(unknown) {
            errors.push(BindError::NoHandlerUnder {
                path: path.clone(),
                help: meant(path, handlers),
            });
        }
    }

    /// Keeps the handlers with the least specific exclusion among those for one route: with one engine per router, each
    /// engine excludes the handlers of the others.
    pub(super) fn keep_required(self, claims: &mut Vec<Claim<'_>>) {
        let left_out = |claim: &Claim<'_>| self.left_out(claim.declaration);
        let least = claims.iter().map(left_out).min();
        claims.retain(|claim| Some(left_out(claim)) == least);
    }

    /// The specificity with which an exclusion matches a handler; 0 if the handler must be served.
    fn left_out(self, declaration: &HandlerDeclaration) -> usize {
        let naming = self
            .allowed
            .iter()
            .filter(|path| declaration.is_under(path));
        let most = naming.map(|path| path.len() + 1).max();
        match self.requires(declaration) {
            true => most.unwrap_or(0),
            false => usize::MAX,
        }
    }

    fn requires(self, declaration: &HandlerDeclaration) -> bool {
        let is_under = |path: &String| declaration.is_under(path);
        self.required.is_empty() || self.required.iter().any(is_under)
    }

    pub(super) fn allows(self, declaration: &HandlerDeclaration) -> bool {
        self.left_out(declaration) > 0
    }
}

fn meant(path: &str, handlers: &[HandlerDeclaration]) -> String {
    let modules: BTreeSet<&str> = handlers.iter().map(|known| module(known.handler)).collect();
    let own = path.rsplit("::").next().unwrap_or(path);
    let distance = |module: &str| {
        // A missing prefix (`orders` for `shop::orders`).
        match module.ends_with(&format!("::{path}")) {
            true => 0,
            false => typing_errors(module, path),
        }
    };
    let near = modules.iter().map(|module| (distance(module), *module));
    // Modules share prefixes, so the length of the whole path cannot be used.
    let near = near.filter(|(distance, _)| distance * 3 <= own.len());
    match near.min_by_key(|(distance, _)| *distance) {
        Some((_, module)) => format!("did you mean `{module}`?"),
        None if modules.is_empty() => "no handler of this program is annotated".to_owned(),
        None => format!("annotated handlers are in {}", in_words(&modules)),
    }
}

/// The maximum number of modules to list; the others are counted.
const NAMED: usize = 5;

fn in_words(modules: &BTreeSet<&str>) -> String {
    let named = modules.iter().take(NAMED);
    let named: Vec<String> = named.map(|module| format!("`{module}`")).collect();
    let others = match modules.len().saturating_sub(NAMED) {
        0 => String::new(),
        others => format!(" and {others} more modules"),
    };
    format!("{}{others}", named.join(", "))
}
