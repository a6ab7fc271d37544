//! Checks of the workspace, and of the checks themselves on small trees.
//!
//! `WAYGATE_TEST_BLESS=1 cargo test -p waygate-structure` writes `docs/public-api.txt` again, and the files in
//! `allowances` unless their total has grown.

mod api;
mod house;
mod made_up;
mod packages;
mod words;

use std::path::Path;

use waygate_structure::allowance::Allowance;

fn allowance(name: &str) -> Allowance {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("allowances");
    Allowance::read(&folder.join(name))
}

/// Fails with the faults only, without the source of a test around them.
fn pass(result: Result<(), String>) {
    if let Err(faults) = result {
        panic!("\n{faults}\n");
    }
}
