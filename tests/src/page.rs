//! Runs the commands of a page of the documentation with `bash`, and compares their output with what is shown.

use std::{path::Path, process::Command};

/// The ```` ```sh ```` blocks of a document, in order.
pub fn blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```sh\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .collect()
}

/// Runs commands in a directory, and returns their output.
///
/// `replaced` are parts of the commands, each with what stands for it here. Lines that start with `# ` are parts of the
/// output, in this order; `…` is any text.
///
/// # Panics
/// If a part is not in the commands, a command fails, or an output is missing.
pub fn run(directory: &Path, commands: &str, replaced: &[(&str, &str)]) -> String {
    let script = replaced
        .iter()
        .fold(commands.to_owned(), |script, (written, here)| {
            assert!(script.contains(written), "the page has `{written}`");
            script.replace(written, here)
        });
    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &script])
        .current_dir(directory)
        .env("OLD_TOKEN", "secret")
        .output()
        .expect("bash, which runs the commands of the page");
    let trace = String::from_utf8_lossy(&output.stderr);
    let responses = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{trace}\n{responses}");
    let mut lines = responses.lines().peekable();
    for shown in script.lines().filter_map(|line| line.strip_prefix("# ")) {
        while lines.next_if(|line| !has(line, shown)).is_some() {}
        assert!(lines.peek().is_some(), "{shown}\n{trace}\n{responses}");
    }
    responses
}

/// Returns whether a line has a part, in which `…` is any text.
fn has(line: &str, part: &str) -> bool {
    let mut rest = line;
    part.split('…').all(|piece| match rest.split_once(piece) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}
