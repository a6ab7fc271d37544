//! A configured user.

use waygate_core::{
    Secret,
    grammar::{Invalid, Reason},
    view::Rights,
};

use super::phc::PasswordHash;

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) rights: Rights,
    pub(super) password: Password,
}

#[derive(Debug, Clone)]
pub(super) enum Password {
    Plain(Secret<String>),
    Hashed(Box<PasswordHash>),
}

const MAX_NAME_CHARS: usize = 128;

/// Names appear in the audit log and on pages.
pub(crate) fn check_name(noun: &'static str, text: &str) -> Result<(), Invalid> {
    let problem = if text.is_empty() || text.chars().count() > MAX_NAME_CHARS {
        format!("use 1 to {MAX_NAME_CHARS} characters")
    } else if text.contains('/') {
        "`/` is not allowed".to_owned()
    } else if let Err(invalid) = text.parse::<Reason>() {
        invalid.problem().to_owned()
    } else {
        return Ok(());
    };
    Err(Invalid::new(noun, text, problem))
}
