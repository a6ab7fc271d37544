//! Resolution of links, at each use: they may be retargeted at any time.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The limit of Linux.
const MOST: usize = 40;

/// Returns the path without links. The file need not exist, but its directory must.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..MOST {
        let (Some(dir), Some(name)) = (at.parent(), at.file_name()) else {
            return Err(invalid("it names no file".to_owned()));
        };
        let real = fs::canonicalize(dir).map_err(|e| no_directory(path, &at, dir, &e))?;
        let file = real.join(name);
        match fs::read_link(&file) {
            Ok(target) => at = real.join(target),
            // Not a link, or missing.
            Err(_) => return Ok(file),
        }
    }
    Err(invalid(format!("it leads through more than {MOST} links")))
}

fn no_directory(path: &Path, at: &Path, dir: &Path, error: &io::Error) -> io::Error {
    let link = match path == at {
        true => String::new(),
        false => format!("it is a link to `{}`, and ", at.display()),
    };
    let dir = dir.display();
    let problem = match error.kind() {
        io::ErrorKind::NotFound => format!("{link}there is no directory `{dir}`; create it"),
        _ => format!("{link}the directory `{dir}` cannot be reached: {error}"),
    };
    io::Error::new(error.kind(), problem)
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_may_lead_to_a_missing_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        for name in ["app", "volume"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        symlink("../volume/state.json", root.join("app/state.json")).unwrap();
        symlink("app", root.join("current")).unwrap();
        let target = root.join("volume/state.json");
        for path in [
            "app/state.json",
            "current/state.json",
            "app/../volume/state.json",
        ] {
            assert_eq!(follow(&root.join(path)).unwrap(), target, "{path}");
        }
        fs::write(&target, "").unwrap();
        assert_eq!(follow(&root.join("current/state.json")).unwrap(), target);
    }

    #[test]
    fn a_dangling_link_reports_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("state.json");
        symlink("gone/state.json", &link).unwrap();
        let said = follow(&link).unwrap_err().to_string();
        assert!(said.contains("it is a link to `"), "{said}");
        assert!(said.contains("gone`; create it"), "{said}");
        let round = dir.path().join("round.json");
        symlink("round.json", &round).unwrap();
        let said = follow(&round).unwrap_err().to_string();
        assert!(said.contains("more than 40 links"), "{said}");
        assert!(follow(Path::new("/")).is_err());
    }
}
