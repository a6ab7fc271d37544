use std::fmt;

/// Checks a setting of a builder. `right` are the valid values, with an example.
pub(crate) fn check(
    is_in_range: bool,
    setting: &str,
    value: impl fmt::Debug,
    right: &str,
) -> Result<(), String> {
    match is_in_range {
        true => Ok(()),
        false => Err(format!("{setting} is {value:?}: use {right}")),
    }
}
