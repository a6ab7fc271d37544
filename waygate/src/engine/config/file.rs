//! The nearest `.waygate` file.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use waygate_core::grammar::Invalid;

use super::names;
use crate::engine::BuildError;

pub(super) const FILE: &str = ".waygate";

pub(super) struct File {
    /// The path, or a note that there is none.
    pub(super) path: String,
    /// The directory of the file, and the base of relative paths in it.
    #[cfg_attr(
        not(feature = "file"),
        expect(dead_code, reason = "only the file backend has paths")
    )]
    pub(super) directory: PathBuf,
    pub(super) values: HashMap<String, String>,
}

/// Reads this file, which must exist.
pub(super) fn read_named(path: &Path) -> Result<File, BuildError> {
    let shown = path.display().to_string();
    match read(path) {
        Ok(text) => Ok(File {
            values: parse(&text, &shown)?,
            directory: path.parent().unwrap_or(path).to_owned(),
            path: shown,
        }),
        Err(source) => Err(BuildError::Config {
            path: shown,
            source,
        }),
    }
}

/// Reads the first `.waygate` file in `directory` or above; a missing file is not an error.
pub(super) fn nearest(directory: &Path) -> Result<File, BuildError> {
    for directory in directory.ancestors() {
        let path = directory.join(FILE);
        let shown = path.display().to_string();
        match read(&path) {
            Ok(text) => {
                let values = parse(&text, &shown)?;
                return Ok(File {
                    path: shown,
                    directory: directory.to_owned(),
                    values,
                });
            }
            // The CLI keeps its settings in a directory of that name.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
            // A dangling link is meant to lead to a file.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {}
            Err(source) => {
                return Err(BuildError::Config {
                    path: shown,
                    source,
                });
            }
        }
    }
    let path = format!(
        "no file (`{FILE}` is neither in {} nor above it)",
        directory.display()
    );
    let values = HashMap::new();
    Ok(File {
        path,
        directory: directory.to_owned(),
        values,
    })
}

/// A named pipe would block the start forever, and a device might never end.
fn read(path: &Path) -> io::Result<String> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        let problem = "it is a pipe, a socket or a device; it must be a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    std::fs::read_to_string(path)
}

/// `KEY=value` lines; `#` starts a comment line; quotes around a value are removed.
fn parse(text: &str, path: &str) -> Result<HashMap<String, String>, BuildError> {
    let mut values = HashMap::new();
    // Windows editors write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |invalid| BuildError::Setting {
            setting: format!("{path}, line {}", index + 1),
            invalid,
        };
        let (name, value) = setting(line).map_err(wrong)?;
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            let problem = "it is set twice in this file; keep one of the lines";
            return Err(wrong(Invalid::new("setting", name, problem)));
        }
    }
    Ok(values)
}

/// Values may be secret, so errors quote a line only if it looks like the name of a setting.
fn setting(line: &str) -> Result<(&str, &str), Invalid> {
    let begin = names::beginning(line);
    let Some(value) = line[begin.len()..].trim_start().strip_prefix('=') else {
        let problem = "expected `NAME=value`, or a comment that starts with `#` on a separate line";
        return Err(Invalid::new("line", names::shown(begin), problem));
    };
    names::check(begin)?;
    let value = unquoted(value.trim());
    Ok((
        begin,
        value.map_err(|problem| Invalid::new("setting", begin, problem))?,
    ))
}

/// Returns the value without its quotes, or the error.
fn unquoted(value: &str) -> Result<&str, &'static str> {
    const COMMENT: &str =
        "a comment needs a separate line; quote the whole value if the `#` is part of it";
    for quote in ['"', '\''] {
        let quoted = value.strip_prefix(quote);
        let after = quoted.and_then(|value| value.split_once(quote));
        if after
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('#') && !rest.ends_with(quote))
        {
            return Err(COMMENT);
        }
        let (begins, ends) = (value.starts_with(quote), value.ends_with(quote));
        if begins || ends {
            let inner = value.strip_prefix(quote);
            let inner = inner.and_then(|value| value.strip_suffix(quote));
            return inner.ok_or("the value has an unmatched quote");
        }
    }
    match value.contains(" #") || value.contains("\t#") {
        true => Err(COMMENT),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text, "/app/.waygate").unwrap_err().to_string()
    }

    #[test]
    fn lines_are_settings_comments_or_blank() {
        let text = "\u{feff}# ours\n\n WAYGATE_ENV = \"staging\"\nWAYGATE_SERVER_URL='http://x/?a=b'\r\nWAYGATE_TOKEN=\nWAYGATE_SERVICE=\"a # b\"\n";
        let values = parse(text, "").unwrap();
        assert_eq!(values["WAYGATE_SERVICE"], "a # b");
        assert_eq!(values["WAYGATE_ENV"], "staging");
        assert_eq!(values["WAYGATE_SERVER_URL"], "http://x/?a=b");
        assert_eq!(values["WAYGATE_TOKEN"], "");
    }

    #[test]
    fn any_other_line_is_refused_with_its_number() {
        for (text, expected) in [
            (
                "# ours\nWAYGATE_ENV: prod",
                "line 2: invalid line `WAYGATE_ENV`: expected `NAME=value`, or a comment that starts with `#` on a \
                 separate line",
            ),
            (
                "WAYGATE_ENV prod=1",
                "line 1: invalid line `WAYGATE_ENV`: expected `NAME=value`",
            ),
            (
                "WAYGATE_BYPASS_LIFECYLE=true",
                "line 1: invalid setting `WAYGATE_BYPASS_LIFECYLE`: no such setting: did you mean \
                 `WAYGATE_BYPASS_LIFECYCLE`?",
            ),
            (
                "\nexport WAYGATE_ENV=prod",
                "line 2: invalid setting `export WAYGATE_ENV`: no such setting: did you mean `WAYGATE_ENV`?",
            ),
            (
                "=prod",
                "line 1: invalid setting ``: no such setting: expected one of `WAYGATE_BACKEND`",
            ),
            (
                "WAYGATE_ENV=\"prod",
                "line 1: invalid setting `WAYGATE_ENV`: the value has an unmatched quote",
            ),
            (
                "WAYGATE_ENV='",
                "line 1: invalid setting `WAYGATE_ENV`: the value has an unmatched quote",
            ),
            (
                "WAYGATE_FILE_PATH=\"s.json\" # here",
                "line 1: invalid setting `WAYGATE_FILE_PATH`: a comment needs a separate line; quote the whole value \
                 if the `#` is part of it",
            ),
            (
                "WAYGATE_ENV=prod # ours",
                "line 1: invalid setting `WAYGATE_ENV`: a comment needs a separate line",
            ),
            (
                "WAYGATE_ENV=a\nWAYGATE_ENV=b",
                "line 2: invalid setting `WAYGATE_ENV`: it is set twice in this file; keep one of the lines",
            ),
        ] {
            let found = problem(text);
            let expected = format!("/app/.waygate, {expected}");
            assert!(found.starts_with(&expected), "{found}\n{expected}");
        }
    }

    #[test]
    fn a_line_is_quoted_no_further_than_its_name() {
        for line in [
            "WAYGATE_REDIS_URL: redis://:hunter2@host/?x=1",
            "WAYGATE_REDIS_URL redis://:hunter2@host/?x=1",
            "export WAYGATE_REDIS_URL redis://:hunter2@host/?x=1",
            "WAYGATE_REDIS_URL='redis://:hunter2@host",
            "WAYGATE_REDIS_ULR=redis://:hunter2@host",
            "redis://:hunter2@host",
            "redis://:hunter2@host/?x=1",
            // The rest of a value that was broken into lines.
            "hunter2",
            "hunter2==",
            "hunter2:",
            "export hunter2=",
        ] {
            for text in [line.to_owned(), format!("WAYGATE_ENV=dev\n{line}\n")] {
                let said = problem(&text);
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
    }
}
