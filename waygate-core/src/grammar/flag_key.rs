use super::{Invalid, is_hidden};

const MAX_CHARS: usize = 128;

/// Checks the key of a flag or a segment: 1 to 128 letters and digits of any script, `.`, `_` or `-`. `noun` names it
/// in the error.
///
/// ```
/// use waygate_core::grammar::check_flag_key;
///
/// assert!(check_flag_key("flag key", "new-checkout").is_ok());
/// assert!(check_flag_key("flag key", "new checkout").is_err());
/// ```
///
/// # Errors
/// [`Invalid`] for other texts.
pub fn check_flag_key(noun: &'static str, text: &str) -> Result<(), Invalid> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    // `.` and `..` vanish from a URL.
    let dots = text.bytes().all(|byte| byte == b'.');
    if !dots && text.chars().all(fine) && text.chars().count() <= MAX_CHARS {
        return Ok(());
    }
    let problem = "use 1 to 128 letters, digits or `. _ -`, such as `new-checkout`";
    Err(Invalid::new(noun, text, problem))
}

const MAX_LABEL: usize = 128;

/// Checks a short text about a flag, such as its owner or the name of a variation: one line of 1 to 128 characters.
/// `noun` names it in the error.
///
/// ```
/// use waygate_core::grammar::check_label;
///
/// assert!(check_label("owner", "Payments team").is_ok());
/// assert!(check_label("owner", "").is_err());
/// ```
///
/// # Errors
/// [`Invalid`] for other texts.
pub fn check_label(noun: &'static str, text: &str) -> Result<(), Invalid> {
    let fine = (1..=MAX_LABEL).contains(&text.chars().count()) && !text.chars().any(is_hidden);
    match fine {
        true => Ok(()),
        false => Err(Invalid::new(
            noun,
            text,
            "use one line of 1 to 128 characters",
        )),
    }
}
