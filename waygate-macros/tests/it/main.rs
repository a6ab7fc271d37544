//! Attributes on real handlers: registration, stamps, and unchanged functions.

// Handlers are only registered, not called.
#![allow(dead_code)]
// Failures here are test failures.
#![allow(clippy::panic, clippy::unwrap_used)]

mod enforcement;
mod flags;
mod forms;
mod gates;
mod limits;
mod log;
mod registration;
mod utoipa_contract;

use waygate::__private::Declaration;

/// Every declaration of the handler `id`, by the attribute's name.
fn declarations(id: &str) -> Vec<&'static Declaration> {
    let mut found = Declaration::all();
    found.retain(|declaration| declaration.handler == id);
    found
}

/// The only declaration of the handler `id`.
fn declaration(id: &str) -> &'static Declaration {
    match declarations(id)[..] {
        [declaration] => declaration,
        ref found => panic!("expected one declaration of {id}, found {found:?}"),
    }
}
