use std::sync::Arc;

use super::{Credentials, NoCredentials, accounts::Directory, credentials::Reach};

/// How clients authenticate.
#[derive(Debug)]
pub(crate) enum AuthMode {
    /// With a token that users get for their password.
    Accounts(Arc<Directory>),
    /// Without credentials.
    NoCredentials(Reach),
}

impl From<Credentials> for AuthMode {
    fn from(credentials: Credentials) -> Self {
        Self::Accounts(Arc::new(credentials.into()))
    }
}

impl From<NoCredentials> for AuthMode {
    fn from(none: NoCredentials) -> Self {
        if none.reach == Reach::Everyone {
            tracing::warn!("the admin API is open to everyone");
        }
        Self::NoCredentials(none.reach)
    }
}
