//! The checks on artificial trees.

use std::{collections::BTreeMap, fs, path::Path};

use tempfile::TempDir;
use waygate_structure::{
    allowance::{Allowance, is_blessing},
    api::Api,
    arrows,
    circles::{circles, shortest},
    imports::{Imports, imports},
    packages::Package,
    tree::Tree,
};

const MANIFEST: &str = "
    [workspace]
    members = [\"house\"]
    [workspace.package]
    license = \"MIT\"
    [workspace.dependencies]
    lower = { package = \"lower-rs\", features = [\"all\"] }
";
const HOUSE: &str = "
    [package]
    name = \"house\"
    license.workspace = true
    [features]
    axum = [\"engine\"]
    engine = []
    [dependencies]
    lower.workspace = true
";

fn written(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let file = root.path().join(path);
        let folder = file.parent().expect("a folder around");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::write(file, text).expect("the file can be written");
    }
    root
}

fn read(root: &Path) -> Tree {
    Tree::load(root, &[("house", "house/src")])
}

fn imports_of(files: &[(&str, &str)]) -> Imports {
    imports(&read(written(files).path()))
}

#[test]
fn a_circle_through_re_exports_is_found() {
    let imports = imports_of(&[
        ("house/src/lib.rs", "mod upper; mod lower;"),
        (
            "house/src/upper/mod.rs",
            "mod one; mod two; pub(crate) use one::One; pub(crate) use two::*;",
        ),
        (
            "house/src/upper/one.rs",
            "use super::Two; pub(crate) struct One(Two);",
        ),
        (
            "house/src/upper/two.rs",
            "pub(crate) struct Two(Option<Box<crate::upper::One>>);",
        ),
        (
            "house/src/lower.rs",
            "use crate::upper::One; fn f(_: One) {}",
        ),
    ]);
    let circles = circles(&imports);
    assert_eq!(circles.len(), 1, "{circles:?}");
    assert_eq!(
        shortest(&circles[0], None, &imports),
        "  house/src/upper/one.rs imports `Two` of house/src/upper/two.rs\n  \
         house/src/upper/two.rs imports `One` of house/src/upper/one.rs\n"
    );
}

#[test]
fn imports_in_macros_bodies_and_globs_count() {
    let imports = imports_of(&[
        ("house/src/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("house/src/a.rs", "pub fn f() {} pub struct A;"),
        (
            "house/src/b.rs",
            "fn g() { println!(\"{:?}\", crate::a::f()); }",
        ),
        ("house/src/c.rs", "use crate::a::*; fn g(_: A) {}"),
        (
            "house/src/d.rs",
            "fn g() { use super::a::{self, f as h}; h(); }",
        ),
    ]);
    let expected = ["b.rs", "c.rs", "d.rs"]
        .map(|from| (format!("house/src/{from}"), "house/src/a.rs".to_owned()));
    assert!(imports.keys().eq(&expected), "{imports:?}");
}

#[test]
fn re_exports_of_other_folders_are_imports() {
    let imports = imports_of(&[
        ("house/src/lib.rs", "mod engine; mod http;"),
        ("house/src/engine.rs", "pub(crate) use crate::http::Layer;"),
        ("house/src/http.rs", "pub(crate) struct Layer;"),
    ]);
    let expected = (
        "house/src/engine.rs".to_owned(),
        "house/src/http.rs".to_owned(),
    );
    assert!(imports.keys().eq([&expected]), "{imports:?}");
}

#[test]
fn tests_and_re_exports_of_children_are_no_imports() {
    let imports = imports_of(&[
        ("house/src/lib.rs", "mod a; pub use a::A;"),
        (
            "house/src/a.rs",
            "pub struct A; #[cfg(test)] mod tests; #[cfg(all(test, unix))] use crate::lib::X;",
        ),
    ]);
    assert!(imports.is_empty(), "{imports:?}");
}

#[test]
fn a_wrong_arrow_is_found_and_explained() {
    let imports = imports_of(&[
        ("house/src/lib.rs", "mod engine; mod http;"),
        ("house/src/engine/mod.rs", "mod core;"),
        (
            "house/src/engine/core.rs",
            "use crate::http::Layer; fn f(_: Layer) {}",
        ),
        ("house/src/http.rs", "pub(crate) struct Layer;"),
    ]);
    let wrong = |rules: &[arrows::Rule<'_>]| arrows::wrong(&imports, "house/src", rules);
    let arrow = "house/src/engine/core.rs -> house/src/http.rs";
    let expected = BTreeMap::from([(arrow.to_owned(), 1)]);
    // Without a rule, nothing may be imported; the first rule applies.
    assert_eq!(wrong(&[("http", &["engine"])]), expected);
    assert_eq!(wrong(&[("engine", &["engine/core"])]), expected);
    assert_eq!(
        wrong(&[("engine/core", &[]), ("engine", &["http"])]),
        expected
    );
    assert_eq!(wrong(&[("engine", &["http"])]), BTreeMap::new());
    let explained = arrows::explain(arrow, &imports);
    assert!(
        explained.starts_with("house/src/engine/core.rs imports `Layer` of house/src/http.rs"),
        "{explained}"
    );
}

#[test]
fn allowances_only_shrink() {
    let text = "# Why.\n5 kept\n3 gone\n2 lower\n";
    let root = written(&[("allowed.txt", text)]);
    let file = root.path().join("allowed.txt");
    let check = |found: &[(&str, usize)]| {
        let found = found
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        let explain = |name: &str, count| format!("{name} has {count}");
        Allowance::read(&file).check(&found.collect(), explain)
    };
    assert_eq!(check(&[("kept", 5), ("gone", 3), ("lower", 2)]), Ok(()));
    let grown = check(&[("kept", 6), ("gone", 3), ("lower", 2), ("new", 1)]);
    assert_eq!(grown, Err("kept has 6\nnew has 1".to_owned()));
    assert_eq!(fs::read_to_string(&file).expect("the file"), text);

    let moved = check(&[("kept", 5), ("lower", 1), ("new", 3)]);
    let now = fs::read_to_string(&file).expect("the file");
    if is_blessing() {
        assert_eq!(now, "# Why.\n5 kept\n1 lower\n3 new\n");
    } else {
        let moved = moved.expect_err("another file is allowed than has it");
        assert!(moved.starts_with("new has 3\n"), "{moved}");
        assert!(
            moved.contains("allows more than there is:\n  3 gone\n  2 lower\n"),
            "{moved}"
        );
        assert_eq!(now, text);
    }
}

#[test]
fn the_public_api_is_listed_through_re_exports_and_macros() {
    let root = written(&[
        ("Cargo.toml", MANIFEST),
        ("house/Cargo.toml", HOUSE),
        (
            "house/src/lib.rs",
            "#[cfg(feature = \"engine\")] mod inner; #[cfg(feature = \"axum\")] mod web;
             #[cfg(feature = \"engine\")] pub use inner::{Open, Word, Shut};
             pub mod prelude { pub use crate::Open; }
             #[doc(hidden)] pub mod __private { pub use crate::inner::Hidden; }",
        ),
        (
            "house/src/inner.rs",
            "macro_rules! word { ($(#[$d:meta])* $n:ident { $($v:ident = $t:literal),* }) => {
                 $(#[$d])* #[derive(Debug)] #[non_exhaustive] pub enum $n { $($v),* }
                 impl $n { pub const fn text(&self) -> &'static str { match self { $(Self::$v => $t),* } } }
             } }
             word! { /// Doc.
                 Word { One = \"1\", Two = \"2\" } }
             pub struct Open { pub hidden: Hidden, pub count: u32 }
             pub struct Hidden;
             pub struct Shut { secret: u8 }
             impl Shut { pub fn open(&self, hidden: &super::inner::Hidden) -> std::io::Result<Open> { todo!() } fn no(&self) {} }
             impl Clone for Shut { fn clone(&self) -> Self { todo!() } }",
        ),
        ("house/src/web.rs", "impl crate::Shut { pub async fn serve<T: Into<u8>>(self, from: T) {} }"),
    ]);
    let packages = Package::members(root.path());
    let api = Api::of(&read(root.path()), "house", &packages[0]);
    let expected = "\
[engine] house::Open: field count: u32
[engine] house::Open: field hidden: Hidden
[engine] house::Open: struct
[engine] house::Shut: fn open(&self, hidden: &super::inner::Hidden) -> std::io::Result<Open>
[engine] house::Shut: impl Clone for Shut
[engine] house::Shut: struct
[axum] house::Shut: async fn serve<T: Into<u8>>(self, from: T)
[engine] house::Word: #[non_exhaustive] #[derive(Debug)] enum
[engine] house::Word: const fn text(&self) -> &'static str
[engine] house::Word: variant One
[engine] house::Word: variant Two
house::prelude::Open: use house::Open

# Structs that can be built and enums that can be matched in full: a new field or variant breaks users.
house::Open
";
    let mut lines: Vec<&str> = expected.lines().collect();
    lines.sort_by_key(|line| {
        line.trim_start_matches("[engine] ")
            .trim_start_matches("[axum] ")
    });
    let text = api.text();
    let mut now: Vec<&str> = text.lines().collect();
    now.sort_by_key(|line| {
        line.trim_start_matches("[engine] ")
            .trim_start_matches("[axum] ")
    });
    assert_eq!(now, lines);
    let unnamed: Vec<&String> = api.unnamed().keys().collect();
    assert_eq!(unnamed, ["house::Hidden"]);
}

#[test]
fn examples_stand_on_the_page_of_an_item() {
    let root = written(&[
        ("Cargo.toml", MANIFEST),
        ("house/Cargo.toml", HOUSE),
        (
            "house/src/lib.rs",
            "/// ```
             /// house::Shown::new(1).add(2);
             /// # house::Shown::new(1).put(3);
             /// ```
             pub struct Shown;
             impl Shown {
                 pub fn new(of: u8) -> Self { Self }
                 pub fn add(&self, of: u8) {}
                 pub fn put(&self, of: u8) {}
                 pub fn count(&self) -> u8 { 0 }
             }
             /// ```text
             /// Bare::One
             /// ```
             pub enum Bare { One }",
        ),
    ]);
    let packages = Package::members(root.path());
    let api = Api::of(&read(root.path()), "house", &packages[0]);
    assert_eq!(api.unshown(), ["house::Bare", "house::Shown::put"]);
}

#[test]
fn manifests_inherit_from_the_workspace() {
    let root = written(&[("Cargo.toml", MANIFEST), ("house/Cargo.toml", HOUSE)]);
    let packages = Package::members(root.path());
    let license = packages[0].field("license");
    assert_eq!(
        license.and_then(|l| l.as_str().map(str::to_owned)),
        Some("MIT".to_owned())
    );
    let dependencies = packages[0].dependencies();
    assert_eq!(
        dependencies,
        [("lower-rs".to_owned(), vec!["all".to_owned()])]
    );
    assert!(packages[0].is_published());
}
