use std::{collections::BTreeMap, fs, sync::LazyLock};

use waygate_structure::{
    arrows,
    circles::{circle_of, circles, shortest},
    imports::{Imports, imports},
    sources,
};

use crate::{allowance, pass};

/// The table in CONTRIBUTING.md.
const FOLDERS: &[arrows::Rule<'_>] = &[
    ("engine/store", &[]),
    ("engine/kinds", &["engine/store"]),
    ("engine", &["stamp", "testing"]),
    ("http", &["engine", "registry", "private", "stamp"]),
    ("openapi", &["engine", "http"]),
    ("rest", &["engine", "openapi"]),
    ("auth", &["engine", "rest"]),
    ("ofrep", &["engine", "http", "openapi"]),
    ("openfeature", &["engine"]),
    ("metrics", &["engine", "http"]),
    (
        "admin",
        &[
            "engine", "http", "openapi", "rest", "auth", "ofrep", "metrics",
        ],
    ),
    ("registry", &["engine", "http", "private", "stamp"]),
    ("private", &["engine", "http", "stamp"]),
    ("stamp", &[]),
    ("missing", &["engine", "http"]),
    ("testing", &["engine"]),
];

/// The imports of the product, and its files.
static HOUSE: LazyLock<(Imports, Vec<String>)> = LazyLock::new(|| {
    let tree = sources::product();
    let files = tree.files().into_iter().map(str::to_owned).collect();
    (imports(&tree), files)
});

const MAX_LINES: usize = 400;

#[test]
fn files_import_each_other_in_no_circle() {
    let (imports, _) = &*HOUSE;
    let circles = circles(imports);
    let sizes = circles
        .iter()
        .flat_map(|circle| circle.iter().map(|file| (file, circle.len())));
    let found: BTreeMap<String, usize> = sizes.map(|(file, size)| (file.clone(), size)).collect();
    let known = allowance("circles.txt");
    pass(allowance("circles.txt").check(&found, |file, size| {
        let circle = circle_of(file, &circles).expect("each was found in one");
        // A file that was in no circle before shows the new part.
        let through = circle.iter().find(|file| !known.has(file));
        format!(
            "a circle of {size} files; the shortest way round:\n{}  move what both sides need into a file of its own",
            shortest(circle, through.map(String::as_str), imports)
        )
    }));
}

#[test]
fn folders_import_in_one_direction() {
    let (imports, _) = &*HOUSE;
    let wrong = arrows::wrong(imports, "waygate/src", FOLDERS);
    pass(allowance("arrows.txt").check(&wrong, |arrow, _| arrows::explain(arrow, imports)));
}

#[test]
fn files_are_short() {
    let root = sources::root();
    let (_, files) = &*HOUSE;
    let lines =
        |file: &str| fs::read_to_string(root.join(file)).map_or(0, |text| text.lines().count());
    let sizes = files.iter().map(|file| (file.clone(), lines(file)));
    let long = sizes.filter(|(_, lines)| *lines > MAX_LINES).collect();
    pass(allowance("sizes.txt").check(&long, |file, lines| {
        format!("{file} has {lines} lines: make it a folder of files with {MAX_LINES} at most, one job each")
    }));
}
