//! Replacement of the state file by the next generation.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use waygate_core::Printable;

use super::{files::Files, stamp::FileId, temp::Temp};

/// Writes a new file next to the state file and makes it durable. The state file is unchanged.
///
/// A failed fsync is never repeated on the same file, because the kernel may have dropped the data: the next attempt
/// writes another file.
pub(super) fn prepare(files: &Files, bytes: &[u8]) -> io::Result<Temp> {
    let mut temp = files.temp()?;
    temp.write_all(bytes)?;
    if let Ok(present) = fs::metadata(&files.main) {
        // Where modes cannot be set, the file stays private.
        let _ = temp.as_file().set_permissions(present.permissions());
    }
    temp.as_file().sync_all()?;
    Ok(temp)
}

/// Replaces the state file with a prepared file.
pub(super) fn replace(files: &Files, prepared: Temp) -> io::Result<()> {
    prepared.persist(&files.main)?;
    files.sync_dir()
}

/// Replaces the state file, and keeps the present one as the first of `older` generations.
///
/// At any time there is a complete state file. If the last step fails, the present file is restored, so that a failed
/// commit does not take effect later.
pub(super) fn succeed(files: &Files, prepared: Temp, older: usize) -> io::Result<()> {
    rotate(files, older)?;
    let replaced = replace(files, prepared);
    if replaced.is_err()
        && older > 0
        && let Err(error) = undo(files)
    {
        tracing::error!(error = %Printable(error), file = %Printable(files.main.display()), "cannot undo a failed commit");
    }
    replaced
}

fn rotate(files: &Files, older: usize) -> io::Result<()> {
    let newest = files.generation(1);
    // After a failed commit, the present file is already the newest generation. Rotating it repeatedly would drop all
    // others.
    if older == 0 || same_file(&files.main, &newest) {
        return Ok(());
    }
    for age in (1..older).rev() {
        unless_missing(fs::rename(files.generation(age), files.generation(age + 1)))?;
    }
    unless_missing(fs::remove_file(&newest))?;
    if fs::hard_link(&files.main, &newest).is_err() {
        // Without hard links. A torn copy would not match its checksum.
        fs::copy(&files.main, &newest)?;
        fs::File::open(&newest)?.sync_all()?;
    }
    Ok(())
}

fn undo(files: &Files) -> io::Result<()> {
    let former = fs::read(files.generation(1))?;
    replace(files, prepare(files, &former)?)
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => FileId::of(&one) == FileId::of(&other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &Files, text: &str, older: usize) {
        let prepared = prepare(files, text.as_bytes()).unwrap();
        succeed(files, prepared, older).unwrap();
    }

    fn texts(files: &Files) -> Vec<String> {
        let paths = [files.main.clone(), files.generation(1), files.generation(2)];
        let kept = paths
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok());
        kept.collect()
    }

    fn files(dir: &Path) -> Files {
        let files = Files::find(&dir.join("state.json")).unwrap();
        replace(&files, prepare(&files, b"1").unwrap()).unwrap();
        files
    }

    #[test]
    fn generations_rotate() {
        for (older, kept) in [
            (0, vec!["4"]),
            (1, vec!["4", "3"]),
            (2, vec!["4", "3", "2"]),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let files = files(dir.path());
            for text in ["2", "3", "4"] {
                write(&files, text, older);
            }
            assert_eq!(texts(&files), kept);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), older + 1);
        }
    }

    #[test]
    fn failing_commits_keep_the_generations() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        write(&files, "2", 2);
        write(&files, "3", 2);
        for _ in 0..3 {
            rotate(&files, 2).unwrap();
        }
        assert_eq!(texts(&files), ["3", "3", "2"]);
        write(&files, "4", 2);
        assert_eq!(texts(&files), ["4", "3", "2"]);
    }

    #[cfg(unix)]
    #[test]
    fn new_files_are_private_and_keep_a_changed_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let mode = || fs::metadata(&files.main).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&files.main, fs::Permissions::from_mode(0o640)).unwrap();
        write(&files, "2", 2);
        assert_eq!(mode(), 0o640);
    }
}
