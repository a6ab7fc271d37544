//! The OpenFeature Remote Evaluation Protocol, over sockets. `docs/ofrep.md` names these tests.

mod access;
#[cfg(feature = "admin")]
mod admin;
mod bulk;
mod checklist;
mod cors;
mod document;
mod events;
mod fresh;
mod single;
mod support;
