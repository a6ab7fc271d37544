//! Who may do what.

mod backoff;
mod binding;
mod credentials;
mod gate;
mod instant;
mod known;
mod layer;
mod memory;
mod no_credentials;
mod password;
mod phc;
mod principal;
mod public;
mod recent;
mod scope;
mod strangers;
mod table;
mod throttle;
mod token;
mod verifier;

pub use credentials::{CredentialError, Credentials, NoCredentials};

pub(crate) use binding::Bindings;
pub(crate) use credentials::{Reach, check_name};
pub(crate) use gate::Gate;
pub(crate) use known::{is_known, remember};
pub(crate) use layer::{authorize, find_token};
pub(crate) use principal::Principal;
pub(crate) use scope::{Scope, Scopes};
pub(crate) use table::TokenTable;
pub(crate) use throttle::{Network, Throttle, network_of};
pub(crate) use token::{Platform, Record, Token, TokenHash, TokenId, generate};
pub(crate) use verifier::{Busy, Verifier};
