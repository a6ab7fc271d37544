//! A log of facts beside the state file, in two segments: when the newer one is full, it replaces the older one.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use super::{files::Files, regular};

/// The bytes after which a segment is full.
const SEGMENT: u64 = 4 * 1024 * 1024;

/// Appends lines. They are not synced: a crash of the machine may lose them.
pub(super) fn append(files: &Files, lines: &[String]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = regular::open(&files.facts(), &mut options)?;
    if file.metadata()?.len() >= SEGMENT {
        fs::rename(files.facts(), files.facts_before())?;
        file = regular::open(&files.facts(), &mut options)?;
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    file.write_all(text.as_bytes())
}

/// Returns the newest lines, newest first.
pub(super) fn newest(files: &Files, limit: usize) -> io::Result<Vec<String>> {
    let mut lines = lines(&files.facts(), limit)?;
    if lines.len() < limit {
        lines.extend(self::lines(&files.facts_before(), limit - lines.len())?);
    }
    Ok(lines)
}

/// The newest whole lines of a segment. One that is not text was not written here.
fn lines(segment: &Path, limit: usize) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    match regular::read(segment) {
        // Another process may append meanwhile.
        Ok(file) => drop(file.take(2 * SEGMENT).read_to_end(&mut bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').rev();
    let whole = lines.filter_map(|line| str::from_utf8(line.strip_suffix(b"\n")?).ok());
    Ok(whole.take(limit).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &tempfile::TempDir) -> Files {
        Files::find(&dir.path().join("state.json")).unwrap()
    }

    #[test]
    fn the_newest_lines_come_first_and_a_torn_one_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        assert_eq!(newest(&files, 5).unwrap(), Vec::<String>::new());
        append(&files, &["a".to_owned(), "b".to_owned()]).unwrap();
        append(&files, &["c".to_owned()]).unwrap();
        assert_eq!(newest(&files, 2).unwrap(), ["c", "b"]);
        let mut file = OpenOptions::new().append(true).open(files.facts()).unwrap();
        file.write_all(b"\xff\nto").unwrap();
        assert_eq!(newest(&files, 5).unwrap(), ["c", "b", "a"]);
    }

    #[test]
    fn a_full_segment_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        let long = "x".repeat(SEGMENT as usize);
        for name in ["a", "b", "c"] {
            append(&files, &[format!("{name}{long}")]).unwrap();
        }
        append(&files, &["d".to_owned()]).unwrap();
        let names: Vec<char> = newest(&files, 9)
            .unwrap()
            .iter()
            .filter_map(|line| line.chars().next())
            .collect();
        assert_eq!(names, ['d', 'c']);
        assert_eq!(newest(&files, 1).unwrap(), ["d"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let files = files(&dir);
        append(&files, &["a".to_owned()]).unwrap();
        let mode = fs::metadata(files.facts()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
