//! Runs the walk-through of `examples/rate-limits` as written there.

use waygate_e2e::{Service, walkthrough};

const README: &str = include_str!("../../examples/rate-limits/README.md");

#[test]
fn the_walkthrough_is_correct() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-rate-limits"), directory.path(), &[]);
    let played = walkthrough::play(&service, README, "## Try it");
    assert!(played > 20, "{played} commands");
}
