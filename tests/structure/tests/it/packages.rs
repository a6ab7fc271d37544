use waygate_structure::{packages::Package, sources};

/// The crates of the workspace that each may depend on, as in the table in `CONTRIBUTING.md`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("waygate-core", &[]),
    ("waygate-macros", &["waygate-core"]),
    ("waygate-backends", &["waygate-core"]),
    (
        "waygate-rs",
        &[
            "waygate-core",
            "waygate-macros",
            "waygate-backends",
            "waygate-openfeature",
        ],
    ),
    ("waygate-openfeature", &["waygate-core"]),
    ("waygate-openfeature-provider", &["waygate-core"]),
    ("waygate-faultproxy", &[]),
    ("waygate-gherkin", &[]),
    ("waygate-structure", &[]),
];
const OTHERS_MAY_USE: &[&str] = &[
    "waygate-rs",
    "waygate-core",
    "waygate-backends",
    "waygate-openfeature",
    "waygate-openfeature-provider",
    "waygate-faultproxy",
];

#[test]
fn crates_depend_on_those_below() {
    let packages = Package::members(&sources::root());
    let ours: Vec<String> = packages.iter().map(Package::name).collect();
    for package in &packages {
        let name = package.name();
        let rule = MAY_USE.iter().find(|(other, _)| *other == name);
        let allowed = rule.map_or(OTHERS_MAY_USE, |(_, allowed)| allowed);
        for (dependency, features) in package.dependencies() {
            assert!(
                !ours.contains(&dependency)
                    || allowed.contains(&&*dependency)
                    || is_sibling(package, &dependency),
                "{name} depends on {dependency}; it may on {allowed:?} (CONTRIBUTING.md, \"Architecture\")"
            );
            assert!(
                name != "waygate-macros" || dependency != "waygate-core" || features.is_empty(),
                "waygate-macros uses waygate-core without features, and not with {features:?}"
            );
        }
    }
}

/// Examples may consist of several packages.
fn is_sibling(package: &Package, dependency: &str) -> bool {
    package.folder.starts_with("examples/") && !dependency.starts_with("waygate")
}

#[test]
fn published_crates_have_complete_manifests() {
    const FIELDS: [&str; 7] = [
        "description",
        "license",
        "repository",
        "readme",
        "categories",
        "keywords",
        "rust-version",
    ];
    let published = [
        "waygate-core",
        "waygate-macros",
        "waygate-backends",
        "waygate-rs",
        "waygate-openfeature",
        "waygate-openfeature-provider",
    ];
    for package in Package::members(&sources::root()) {
        let name = package.name();
        if !published.contains(&&*name) {
            assert!(
                !package.is_published(),
                "{name} should say `publish = false`"
            );
            continue;
        }
        for field in FIELDS {
            assert!(
                package.field(field).is_some(),
                "{name} should have a `{field}` in its manifest"
            );
        }
        let readme = package
            .field("readme")
            .map(|readme| readme.as_str().map(str::to_owned));
        let readme = readme.flatten().expect("the readme is a path");
        let readme = sources::root().join(&package.folder).join(readme);
        assert!(
            readme.exists(),
            "{name} should have a readme at {}",
            readme.display()
        );
    }
}
