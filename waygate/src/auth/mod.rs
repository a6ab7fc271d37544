//! Authentication: users, tokens, logins, and the login throttle.
//!
//! | Module | Purpose |
//! |---|---|
//! | `authenticator` | the state of one admin API; finds the token of a request |
//! | `login`, `issue` | exchange passwords for tokens, issue and revoke tokens |
//! | `account`, `credentials`, `user_list`, `mode`, `no_credentials` | the configured users, or none |
//! | `accounts`, `follow` | the current users, and changes of their file |
//! | `password`, `phc`, `memory`, `verifier` | argon2id, and how many checks run concurrently |
//! | `token`, `table`, `binding`, `bindings`, `principal` | tokens and their owners |
//! | `external` | authentication by the application |
//! | `last_use` | the last use of each token |
//! | `device`, `device_state`, `codes` | logins of devices without a browser |
//! | `throttle`, `backoff`, `strangers`, `known`, `recent`, `network` | limit attempts by account and network |

mod account;
mod accounts;
mod authenticator;
mod backoff;
mod binding;
mod bindings;
mod codes;
mod credentials;
mod device;
mod device_state;
mod external;
mod follow;
mod instant;
mod issue;
mod known;
mod last_use;
mod login;
mod maybe_instant;
mod memory;
mod mode;
mod network;
mod no_credentials;
mod password;
mod phc;
mod principal;
mod recent;
mod strangers;
mod table;
mod throttle;
mod token;
mod user_list;
mod verifier;

pub use credentials::{CredentialError, Credentials, NoCredentials};
pub use external::{Authenticate, AuthenticateError, Identity};

pub(crate) use account::check_name;
pub(crate) use authenticator::Authenticator;
pub(crate) use codes::LIFETIME as DEVICE_LIFETIME;
pub(crate) use device::INTERVAL as DEVICE_INTERVAL;
pub(crate) use login::LoginAttempt;
pub(crate) use mode::AuthMode;
pub(crate) use no_credentials::check as check_without_credentials;
pub(crate) use principal::Principal;
pub(crate) use token::{Record, Token, TokenHash, TokenId};
