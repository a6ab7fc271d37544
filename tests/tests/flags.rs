//! Runs the commands of `docs/flags.md` as written there, with `bash` and `curl`.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use waygate_e2e::Service;

const PAGE: &str = include_str!("../../docs/flags.md");

/// The flags and segments of a Python Waygate server.
const FLAGS: &str = include_str!("../../waygate-core/tests/data/fuzz/python/flags.json");

#[test]
fn every_command_of_the_page_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-flags"), directory.path(), &[]);
    let old = python_server();
    let (_, commands) = PAGE.split_once("\n## Over the admin API\n").unwrap();
    let blocks: Vec<_> = commands
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(blocks.len() > 8, "{} blocks", blocks.len());
    let script = blocks.concat();
    let script = [
        ("cargo run -p flags &\n", String::new()),
        ("localhost:3000", service.url("").replace("http://", "")),
        ("http://old-server:8000", old),
    ]
    .into_iter()
    .fold(script, |script, (written, here)| {
        assert!(script.contains(written), "the page has `{written}`");
        script.replace(written, &here)
    });

    let output = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &script])
        .current_dir(directory.path())
        .env("OLD_TOKEN", "secret")
        .output()
        .expect("bash, which runs the commands of the page");
    let trace = String::from_utf8_lossy(&output.stderr);
    let responses = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{trace}\n{responses}");
    for shown in [
        "\"execute_at\":\"2040-01-01T04:00:00Z\"",
        "\"change\":\"replace\"",
    ] {
        assert!(responses.contains(shown), "{shown}: {responses}");
    }
}

/// Serves the flags, and no segments. Returns its base URL.
fn python_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    url
}

fn answer(mut stream: TcpStream) {
    let mut head = BufReader::new(&stream).lines().map_while(Result::ok);
    let first = head.next().unwrap_or_default();
    let has_token = head
        .take_while(|line| !line.is_empty())
        .any(|line| line.eq_ignore_ascii_case("x-waygate-token: secret"));
    let (status, body) = match first.split(' ').nth(1) {
        _ if !has_token => ("401 Unauthorized", "{}"),
        Some("/waygate/api/flags") => ("200 OK", FLAGS),
        Some("/waygate/api/segments") => ("200 OK", "[]"),
        _ => ("404 Not Found", "{}"),
    };
    let length = body.len();
    let response =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).unwrap();
}
