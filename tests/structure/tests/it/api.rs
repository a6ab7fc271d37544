use std::{collections::BTreeMap, fs, sync::LazyLock};

use waygate_structure::{allowance::is_blessing, api::Api, packages::Package, sources};

use crate::{allowance, pass};

const LISTING: &str = "docs/public-api.txt";

static FACADE: LazyLock<Api> = LazyLock::new(|| {
    let mut packages = Package::members(&sources::root()).into_iter();
    let package = packages.find(|package| package.name() == "waygate-rs");
    Api::of(
        &sources::product(),
        "waygate",
        &package.expect("the facade is a member"),
    )
});

#[test]
fn the_public_api_is_as_listed() {
    let file = sources::root().join(LISTING);
    let now = FACADE.text();
    if is_blessing() {
        fs::write(&file, &now).expect("the listing can be written");
    }
    let listed = fs::read_to_string(&file).expect("the listing can be read");
    if now == listed {
        return;
    }
    let missing = |of: &str, from: &str, sign| -> String {
        let lines = of
            .lines()
            .filter(|line| !from.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    panic!(
        "the public API differs from {LISTING}; bless it with WAYGATE_TEST_BLESS=1 if that is right:\n{}{}",
        missing(&listed, &now, '-'),
        missing(&now, &listed, '+'),
    );
}

#[test]
fn public_items_have_examples() {
    let found: BTreeMap<String, usize> =
        FACADE.unshown().into_iter().map(|name| (name, 1)).collect();
    pass(allowance("examples.txt").check(&found, |name, _| {
        format!(
            "no example shows `{name}`: the page of a type, trait, function or macro has an example that is compiled, and \
             names each method with arguments"
        )
    }));
}

#[test]
fn types_of_public_signatures_can_be_named() {
    let api = &*FACADE;
    let found: BTreeMap<String, usize> =
        api.unnamed().keys().map(|name| (name.clone(), 1)).collect();
    pass(allowance("unnamed.txt").check(&found, |name, _| {
        format!(
            "`{name}` cannot be named by users of `waygate`, but it is in `{}`: export it, or keep it out of signatures",
            api.unnamed()[name]
        )
    }));
}
