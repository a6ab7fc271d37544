//! What the attributes do to real handlers: registration, stamps, and that a handler stays a plain function.

// Handlers are declared here to be registered, not to be called.
#![allow(dead_code)]
// What fails here fails a test.
#![allow(clippy::panic, clippy::unwrap_used)]

mod enforcement;
mod forms;
mod limits;
mod registration;
mod utoipa_contract;

use waygate::__private::Declaration;

/// Every declaration of the handler `id`, by the attribute's name.
fn declarations(id: &str) -> Vec<&'static Declaration> {
    let mut found = Declaration::all();
    found.retain(|declaration| declaration.handler == id);
    found
}

/// The one declaration of the handler `id`.
fn declaration(id: &str) -> &'static Declaration {
    match declarations(id)[..] {
        [declaration] => declaration,
        ref found => panic!("expected one declaration of {id}, found {found:?}"),
    }
}
