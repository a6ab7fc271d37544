//! Runs the commands of `docs/windows.md`, as written there.

use waygate_e2e::{
    Service,
    page::{blocks, run},
};

const PAGE: &str = include_str!("../../docs/windows.md");

#[test]
fn every_command_of_the_page_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::quickstart(
        env!("CARGO_BIN_EXE_e2e-quickstart"),
        directory.path(),
        &[("WAYGATE_BACKEND", "memory")],
    );
    let blocks = blocks(PAGE);
    assert!(blocks.len() > 5, "{} blocks", blocks.len());
    let (address, token) = (service.url("").replace("http://", ""), service.log_in());
    let replaced = [("127.0.0.1:3000", &*address), ("$TOKEN", &token)];
    let responses = run(directory.path(), &blocks.concat(), &replaced);
    assert!(
        responses.contains("\"recurring\":[\"0 2 * * SUN for 2h in Europe/Berlin\"]"),
        "the recurring windows are cancelled: {responses}"
    );
    assert!(responses.contains("BEGIN:VCALENDAR"), "{responses}");
}
