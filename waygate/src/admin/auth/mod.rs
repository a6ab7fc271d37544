//! Who may do what.

mod credentials;
mod layer;
mod no_credentials;
mod password;
mod principal;
mod public;
mod scope;
mod table;
mod throttle;
mod token;

mod gate;

pub use credentials::{CredentialError, Credentials, NoCredentials};

pub(crate) use credentials::{Reach, check_name};
pub(crate) use gate::Gate;
pub(crate) use layer::{authorize, find_token};
pub(crate) use password::{Busy, Verifier};
pub(crate) use principal::Principal;
pub(crate) use scope::{Scope, Scopes};
pub(crate) use table::TokenTable;
pub(crate) use throttle::Throttle;
pub(crate) use token::{Platform, Record, Token, TokenHash, TokenId, generate};
