use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use tokio::task;
use waygate_core::port::{BackendError, Image};

use super::{
    backend::interrupted,
    envelope::{self, Document, Envelope, Refusal},
    fault::Fault,
    files::{self, Files},
    format::Format,
    stamp,
};
use crate::table::Table;

/// The longest file to read.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

const WHAT: &str = "the boot cache";

/// A file with the last known state of a store, for a start while the store is unavailable.
///
/// It is not a backend: it does not accept changes, and the store takes precedence. Like a state file, it is written
/// as a whole, with a checksum, and is readable only by its owner.
#[derive(Debug, Clone)]
pub struct BootCache(Arc<Path>);

impl BootCache {
    /// Creates a cache in a file, which need not exist.
    ///
    /// # Errors
    ///
    /// [`BackendError::Misconfigured`] if the path cannot be that of a file.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let path = files::absolute(WHAT, path.as_ref())?;
        Files::of(WHAT, &path)?;
        Ok(Self(path.into()))
    }

    /// Loads the cached state, if any.
    ///
    /// # Errors
    ///
    /// [`BackendError`] if the file cannot be read or is damaged.
    pub async fn load(&self) -> Result<Option<Image>, BackendError> {
        let path = self.0.clone();
        let read = task::spawn_blocking(move || read(&path));
        read.await.map_err(interrupted)?
    }

    /// Replaces the cached state.
    ///
    /// # Errors
    ///
    /// [`BackendError::NotWritable`]; the previous one is then still in the file.
    pub async fn store(&self, image: Image) -> Result<(), BackendError> {
        let path = self.0.clone();
        let written = task::spawn_blocking(move || {
            write(&path, image).map_err(|error| {
                let path = path.display();
                BackendError::NotWritable(format!("cannot write `{path}`: {error}"))
            })
        });
        written.await.map_err(interrupted)?
    }
}

fn read(path: &Path) -> Result<Option<Image>, BackendError> {
    let found = stamp::read(path, MAX_BYTES);
    let Some((_, bytes)) = found.map_err(|error| Fault::unreadable(path, error).error())? else {
        return Ok(None);
    };
    let refused = |refusal| Fault::refused(path, refusal).error();
    let corrupt = |problem: String| refused(Refusal::Corrupt(problem));
    let bytes = bytes.ok_or_else(|| corrupt(format!("it has more than {MAX_BYTES} bytes")))?;
    let root = Format::Json.read(&bytes).map_err(corrupt)?;
    match envelope::open(root).map_err(refused)? {
        Document {
            table,
            sealed: true,
        } => Ok(Some(table.image())),
        Document { sealed: false, .. } => Err(corrupt("it has no checksum".to_owned())),
    }
}

fn write(path: &Path, image: Image) -> io::Result<()> {
    let files = Files::find(path)?;
    let entities = image.entities.into_iter();
    let table = Table {
        revision: image.revision,
        entities: entities
            .map(|(key, entity)| (key, Arc::new(entity)))
            .collect::<BTreeMap<_, _>>(),
    };
    let text = Format::Json
        .write(&Envelope::seal(&table)?)
        .map_err(io::Error::other)?;
    let mut temp = files.temp()?;
    temp.write_all(&text)?;
    temp.as_file().sync_all()?;
    temp.persist(&files.main)?;
    files.sync_dir()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use waygate_core::{
        model::{Epoch, Revision},
        port::Entity,
    };

    use super::*;

    fn image(number: u64) -> Image {
        let (epoch, value) = (Epoch::random(), json!({"reason": "über"}));
        Image::new(
            Revision { epoch, number },
            vec![("route/GET:/a".into(), Entity::new(2, value))],
        )
    }

    #[tokio::test]
    async fn the_last_image_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        let cache = BootCache::new(&path).unwrap();
        assert_eq!(cache.load().await.unwrap(), None);
        for number in [3, 4] {
            let image = image(number);
            cache.store(image.clone()).await.unwrap();
            let again = BootCache::new(&path).unwrap();
            assert_eq!(again.load().await.unwrap(), Some(image));
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        let cache = BootCache::new(&path).unwrap();
        cache.store(image(1)).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_damaged_cache_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache");
        let cache = BootCache::new(&path).unwrap();
        cache.store(image(1)).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let unsealed: String = text
            .lines()
            .filter(|line| !line.contains("checksum"))
            .collect();
        for damaged in [
            "",
            "{}",
            &text[..text.len() / 2],
            &text.replace("über", "uber"),
            &unsealed,
        ] {
            std::fs::write(&path, damaged).unwrap();
            let refused = cache.load().await.unwrap_err();
            assert!(
                matches!(refused, BackendError::Corrupt(_)),
                "{damaged}: {refused}"
            );
        }
        cache.store(image(2)).await.unwrap();
        assert!(cache.load().await.unwrap().is_some());
    }

    #[test]
    fn an_unusable_path_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("missing/cache")] {
            let refused = BootCache::new(path).unwrap_err();
            assert!(
                matches!(refused, BackendError::Misconfigured(_)),
                "{refused}"
            );
        }
    }
}
