//! The Gherkin scenarios of the OpenFeature specification, for tests of any client: a client implements [`Sdk`], and
//! [`run_all`] runs every scenario with it.

mod captures;
mod flags;
mod parse;
mod run;
mod sdk;
mod steps;
mod value;

pub use flags::{FlagData, Rule, flag_data, waygate_flags};
pub use parse::{Scenario, Step, scenarios};
pub use run::{Expected, run_all};
pub use sdk::{Call, HookCall, Kind, Level, Outcome, ProviderKind, Sdk};
