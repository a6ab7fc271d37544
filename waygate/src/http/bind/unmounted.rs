//! Which annotated handlers may be left out.

use std::collections::BTreeSet;

use waygate_core::{Printable, similar::typing_errors};

use super::{BindError, help::module};
use crate::registry::HandlerDeclaration;

/// What the builder says of handlers that no route serves. Each is a handler's path, or that of a module above it.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Unmounted<'a> {
    /// May be left out.
    pub(in crate::http) allowed: &'a [String],
    /// Where there are any, all others may be left out.
    pub(in crate::http) required: &'a [String],
}

impl Unmounted<'_> {
    /// An allowance that allows nothing stops no start, since handlers may be there with some features only. A requirement
    /// that requires nothing would leave out all of them.
    pub(super) fn check(self, handlers: &[HandlerDeclaration], errors: &mut Vec<BindError>) {
        let known = |path: &str| handlers.iter().any(|handler| handler.is_under(path));
        let unknown = |path: &&String| !path.is_empty() && !known(path);
        for path in self.allowed.iter().filter(unknown) {
            tracing::warn!(
                path = ?Printable(path),
                "`allow_unmounted` names no annotated handler and no module of one"
            );
        }
        for path in self.required.iter().filter(unknown) {
            errors.push(BindError::NoHandlerUnder {
                path: path.clone(),
                help: meant(path, handlers),
            });
        }
    }

    pub(super) fn allows(self, declaration: &HandlerDeclaration) -> bool {
        let is_under = |path: &String| declaration.is_under(path);
        let is_required = self.required.is_empty() || self.required.iter().any(is_under);
        !is_required || self.allowed.iter().any(is_under)
    }
}

fn meant(path: &str, handlers: &[HandlerDeclaration]) -> String {
    let modules: BTreeSet<&str> = handlers.iter().map(|known| module(known.handler)).collect();
    let nearest = modules
        .into_iter()
        .min_by_key(|module| typing_errors(module, path));
    match nearest {
        Some(module) => format!("did you mean `{module}`?"),
        None => "no handler of this program is annotated".to_owned(),
    }
}
