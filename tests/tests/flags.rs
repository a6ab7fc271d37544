//! Runs the commands of `docs/flags.md`, and those of the README about flags, as written there.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use waygate_e2e::{
    Service,
    page::{blocks, run},
};

const PAGE: &str = include_str!("../../docs/flags.md");
const README: &str = include_str!("../../README.md");

/// The flags and segments of a Python Waygate server.
const FLAGS: &str = include_str!("../../waygate-core/tests/data/fuzz/python/flags.json");

#[test]
fn every_command_of_the_page_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-flags"), directory.path(), &[]);
    let (_, commands) = PAGE.split_once("\n## Over the admin API\n").unwrap();
    let blocks = blocks(commands);
    assert!(blocks.len() > 15, "{} blocks", blocks.len());
    let replaced = [
        ("cargo run -p flags &\n", ""),
        ("localhost:3000", &*address(&service)),
        ("http://old-server:8000", &python_server()),
    ];
    let responses = run(directory.path(), &blocks.concat(), &replaced);
    assert!(responses.contains("\"change\":\"replace\""), "{responses}");
}

#[test]
fn the_commands_of_the_readme_succeed() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-flags"), directory.path(), &[]);
    let (_, section) = README.split_once("\n## Feature flags\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks = blocks(section);
    assert!(!blocks.is_empty());
    let replaced = [
        ("cargo run -p flags &\n", ""),
        ("localhost:3000", &*address(&service)),
    ];
    run(directory.path(), &blocks.concat(), &replaced);
}

/// The host and port of a service.
fn address(service: &Service) -> String {
    service.url("").replace("http://", "")
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
