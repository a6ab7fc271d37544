//! The domain as a whole: recorded exchanges, and properties of models, transitions and decisions.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod decision;
mod generate;
mod golden;
mod keys;
mod limits;
mod proxies;
mod recurring;
mod rules;
mod transition;
mod transitions;
