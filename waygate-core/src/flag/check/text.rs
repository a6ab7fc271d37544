use std::{collections::HashSet, fmt::Display};

use crate::{
    flag::{
        place::Place,
        problem::{ProblemCode, Problems},
    },
    grammar::{is_blank, is_hidden},
};

/// Checks a text of one line: of a length, and without characters that disguise it.
pub(super) fn line(
    text: &str,
    least: usize,
    most: usize,
    place: impl Display,
    problems: &mut Problems,
) {
    let chars = text.chars().count();
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
        let message = format!(
            "U+{:04X} is not allowed: write one line of plain text",
            u32::from(hidden)
        );
        problems.add(place, ProblemCode::InvalidText, message);
    } else if chars < least {
        problems.add(place, ProblemCode::InvalidText, "the text is empty");
    } else if least > 0 && is_blank(text) {
        let message = "the text has only invisible characters";
        problems.add(place, ProblemCode::InvalidText, message);
    } else if chars > most {
        let message = format!("the text has {chars} characters; use at most {most}");
        problems.add(place, ProblemCode::TooLarge, message);
    }
}

/// Checks a text of several lines.
pub(super) fn prose(text: &str, most: usize, place: impl Display, problems: &mut Problems) {
    let plain = text.replace(['\n', '\t'], " ");
    // Without visible characters, it must be empty.
    line(&plain, usize::from(!text.is_empty()), most, place, problems);
}

/// Checks the number of entries.
pub(super) fn count(
    len: usize,
    most: usize,
    what: &str,
    place: impl Display,
    problems: &mut Problems,
) {
    if len > most {
        let message = format!("there are {len} {what}; use at most {most}");
        problems.add(place, ProblemCode::TooLarge, message);
    }
}

/// Checks that entries of a list differ in a member.
pub(in crate::flag) fn distinct<'a>(
    names: impl Iterator<Item = &'a str>,
    list: &Place<'_>,
    member: &str,
    problems: &mut Problems,
) {
    let mut known = HashSet::new();
    for (at, name) in names.enumerate() {
        if !known.insert(name) {
            let place = Place::Index(list, at);
            let place = Place::Member(&place, member);
            let message = format!("`{name}` is there twice");
            problems.add(place, ProblemCode::Duplicate, message);
        }
    }
}

/// Checks labels.
pub(super) fn tags(tags: &[String], problems: &mut Problems) {
    let list = Place::Member(&Place::Root, "tags");
    count(tags.len(), 50, "tags", list, problems);
    for (at, tag) in tags.iter().enumerate() {
        line(tag, 1, 128, Place::Index(&list, at), problems);
    }
}

/// Checks keys of contexts.
pub(super) fn keys(keys: &[String], list: &Place<'_>, problems: &mut Problems) {
    const MAX_BYTES: usize = 512;
    for (at, key) in keys.iter().enumerate() {
        if key.len() > MAX_BYTES {
            let message = format!("the key has {} bytes; use at most {MAX_BYTES}", key.len());
            problems.add(Place::Index(list, at), ProblemCode::TooLarge, message);
        }
    }
}
