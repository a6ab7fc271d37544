//! Runs the walk-through of `examples/observed` as written there.

use waygate_e2e::{Service, walkthrough};

const README: &str = include_str!("../../examples/observed/README.md");

#[test]
fn the_walkthrough_is_correct() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-observed"), directory.path(), &[]);
    let played = walkthrough::play(&service, README, "## Try it");
    assert_eq!(played, 8);
}
