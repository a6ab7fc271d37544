use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::tree::Tree;

/// The crates of the product, and this one: the name in code, and the folder of the sources.
pub const CRATES: &[(&str, &str)] = &[
    ("waygate_core", "waygate-core/src"),
    ("waygate_macros", "waygate-macros/src"),
    ("waygate_backends", "waygate-backends/src"),
    ("waygate_openfeature", "waygate-openfeature/src"),
    (
        "waygate_openfeature_provider",
        "waygate-openfeature-provider/src",
    ),
    ("waygate", "waygate/src"),
    ("waygate_structure", "tests/structure/src"),
];

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Parses the crates of the product.
pub fn product() -> Tree {
    Tree::load(&root(), CRATES)
}

/// Lists the files below a folder, relative to `root`, without build output.
///
/// # Panics
/// If a folder cannot be read.
pub fn files(root: &Path, folder: &str, extensions: &[&str]) -> Vec<String> {
    let path = root.join(folder);
    let entries = fs::read_dir(&path);
    let entries = entries.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = match folder {
            "" => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        if entry.path().is_dir() {
            if name != "target" && !name.starts_with('.') {
                files.extend(self::files(root, &relative, extensions));
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension)) {
            files.push(relative);
        }
    }
    files.sort();
    files
}
