use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek},
    path::Path,
    time::SystemTime,
};

use super::regular;

/// A cheap fingerprint of a file, to detect changes.
///
/// The first bytes are part of it, since they hold the revision and the checksum: two commits within one tick of the
/// file system's clock differ in them whatever the metadata say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    id: FileId,
    len: u64,
    modified: Option<SystemTime>,
    head: Vec<u8>,
}

const HEAD: u64 = 512;

impl Stamp {
    /// Returns the stamp of a file, if it exists.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        match regular::read(path) {
            Ok(file) => Self::of_file(&file).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn of_file(mut file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head)?;
        file.rewind()?;
        Ok(Self {
            id: FileId::of(&metadata),
            len: metadata.len(),
            modified: metadata.modified().ok(),
            head,
        })
    }
}

/// Returns a file with its stamp, if it exists. Of a file that is too long, only the stamp.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<(Stamp, Option<Vec<u8>>)>> {
    let file = match regular::read(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let stamp = Stamp::of_file(&file)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let fits = bytes.len() as u64 <= limit;
    Ok(Some((stamp, fits.then_some(bytes))))
}

/// The identity of a file, independent of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(
    #[cfg(unix)] (u64, u64),
    #[cfg(not(unix))] Option<SystemTime>,
);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self((metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self(metadata.created().ok())
    }
}
