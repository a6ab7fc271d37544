//! The released Python CLI, unmodified, against the quickstart. The transcript is compared with the recorded one.

use std::{fmt::Write, fs, path::Path, process::Command};

use waygate_e2e::Service;

/// The commands, line by line; `{url}` is the admin API's address. `GET /path` is a request to the service.
const SESSION: &str = include_str!("../data/python-cli-session.txt");
const TRANSCRIPT: &str = "data/python-cli-transcript.txt";

#[test]
fn the_python_cli_works_with_the_quickstart() {
    let cli = std::env::var("WAYGATE_TEST_PYTHON_CLI").expect(
        "WAYGATE_TEST_PYTHON_CLI must name the `waygate` command of pip install 'waygate[cli,flags]==0.2.0'",
    );
    let home = tempfile::tempdir().unwrap();
    let service = Service::quickstart(env!("CARGO_BIN_EXE_e2e-quickstart"), home.path(), &[]);
    let mut transcript = String::new();
    for line in SESSION.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(path) = line.strip_prefix("GET ") {
            let status = service.get(path).status;
            writeln!(transcript, "{line}\n[status {status}]\n").unwrap();
            continue;
        }
        let typed = line.replace("{url}", &service.url("/waygate"));
        let output = Command::new("sh")
            .args(["-c", &typed.replacen("waygate", &cli, 1)])
            .current_dir(home.path())
            .env("HOME", home.path())
            .env("COLUMNS", "200")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env_remove("WAYGATE_SERVER_URL")
            .output()
            .expect("the CLI runs");
        writeln!(transcript, "$ {line}").unwrap();
        transcript.push_str(&String::from_utf8_lossy(&output.stdout));
        transcript.push_str(&String::from_utf8_lossy(&output.stderr));
        writeln!(
            transcript,
            "[exit {}]\n",
            output.status.code().unwrap_or(-1)
        )
        .unwrap();
    }
    let transcript = settled(&transcript.replace(&service.url(""), "http://127.0.0.1:3000"));
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRANSCRIPT);
    if std::env::var_os("WAYGATE_TEST_BLESS").is_some() {
        fs::write(&record, &transcript).unwrap();
    }
    let recorded = fs::read_to_string(&record).unwrap_or_default();
    assert!(
        transcript == recorded,
        "the transcript differs from {TRANSCRIPT}; bless it with WAYGATE_TEST_BLESS=1 if that is right:\n{transcript}"
    );
}

/// Replaces everything that differs between runs: ids, times, and the padding that depends on them.
fn settled(transcript: &str) -> String {
    let mut settled = String::new();
    for line in transcript.lines() {
        let line = without_ids(line.trim_end());
        let mut rest = line.as_str();
        while let Some(at) = time_in(rest) {
            settled.push_str(&rest[..at]);
            settled.push_str("<time>");
            let end = rest[at..].find(|c: char| !"0123456789-:.TZ+ ".contains(c));
            rest = rest[at..]
                .get(end.unwrap_or(rest.len() - at)..)
                .unwrap_or_default();
        }
        settled.push_str(rest);
        settled.push('\n');
    }
    settled
}

/// Replaces ids of rules, which the CLI makes up.
fn without_ids(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let id = rest.get(..36).filter(|id| {
            let hex = |(at, c): (usize, char)| match at {
                8 | 13 | 18 | 23 => c == '-',
                _ => c.is_ascii_hexdigit(),
            };
            id.char_indices().all(hex)
        });
        let (part, len) = id.map_or((&rest[..c.len_utf8()], c.len_utf8()), |_| ("<id>", 36));
        shown.push_str(part);
        rest = &rest[len..];
    }
    shown
}

/// The start of a time of this run, `2026-11-23…` or a cell with `22:16:28`; those in the session's own text are in
/// 2030.
fn time_in(text: &str) -> Option<usize> {
    let is_time = |at: &usize| {
        let text = &text[*at..];
        let date = text.get(..10).unwrap_or_default();
        shape(date) == "0000-00-00" && !date.starts_with("2030") && !date.starts_with("2028")
            || text.get(..9).is_some_and(|cell| shape(cell) == "00:00:00 ")
    };
    let mut places = text.char_indices().map(|(at, _)| at);
    places.find(is_time)
}

/// Replaces every digit with `0`.
fn shape(text: &str) -> String {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(shape).collect()
}
