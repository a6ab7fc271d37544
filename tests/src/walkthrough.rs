//! Runs the commands in the README of an example, and compares the responses with those shown.

use std::collections::HashMap;

use crate::Service;

/// A command, and the expected parts of its response.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    command: &'a str,
    expected: Vec<&'a str>,
}

/// Runs one section of a document: every ```` ```sh ```` block below the heading, up to the next one. In a block,
/// lines that start with `# ` describe the response to the command above: its status line, one of its headers, or a
/// part of its body.
///
/// Commands are `curl` with `-i`, `-s`, `-X`, `-H` and `-d`, and `NAME=$(curl … | sed …)`, which represents the token
/// of a login.
///
/// Returns the number of commands.
///
/// # Panics
/// If there is nothing to run, a command is none of these, or a response differs.
pub fn play(service: &Service, document: &str, heading: &str) -> usize {
    let steps = steps(section(document, heading));
    assert!(!steps.is_empty(), "no commands below `{heading}`");
    let mut variables = HashMap::new();
    for Step { command, expected } in &steps {
        let (name, curl) = match command.split_once("=$(") {
            Some((name, rest)) => {
                let (curl, _) = rest.split_once(" | sed ").expect("`curl … | sed …`");
                (Some(name), curl)
            }
            None => (None, *command),
        };
        let request = Request::read(curl, &variables);
        let (head, body) = request.send(service);
        for line in expected {
            let found = match line.split_once(": ") {
                _ if line.starts_with("HTTP/1.1 ") => head[0] == *line,
                Some((header, _)) if is_header(header) => head.iter().any(|known| known == line),
                _ => body.contains(line),
            };
            assert!(found, "{command}\nexpected {line}\n{head:#?}\n{body}");
        }
        if let Some(name) = name {
            let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let token = answer["token"].as_str().expect("a token");
            variables.insert(format!("${name}"), token.to_owned());
        }
    }
    steps.len()
}

fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let start = document
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no section `{heading}`"));
    let section = &document[start + heading.len() + 2..];
    section.split("\n## ").next().unwrap_or_default()
}

fn steps(section: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut in_block = false;
    for line in section.lines() {
        match line.strip_prefix("# ") {
            _ if line.starts_with("```") => in_block = line == "```sh",
            _ if !in_block || line.is_empty() => {}
            Some(expected) => {
                let step = steps.last_mut().expect("a command above its answer");
                step.expected.push(expected);
            }
            None => steps.push(Step {
                command: line,
                expected: Vec::new(),
            }),
        }
    }
    steps
}

fn is_header(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The request of a `curl` command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    method: Option<String>,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    fn read(command: &str, variables: &HashMap<String, String>) -> Self {
        let mut request = Self::default();
        let words = words(command);
        let mut words = words.iter().map(|word| {
            variables.iter().fold(word.clone(), |word, (name, value)| {
                word.replace(name, value)
            })
        });
        assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{command}"));
            match &*word {
                "-i" | "-s" => {}
                "-X" => request.method = Some(value()),
                "-d" => request.body = Some(value()),
                "-H" => {
                    let header = value();
                    let (name, value) = header.split_once(": ").expect("a header");
                    request.headers.push((name.to_owned(), value.to_owned()));
                }
                url => {
                    let path = url.strip_prefix("http://127.0.0.1:3000");
                    let path = path.unwrap_or_else(|| panic!("unknown word {url} in {command}"));
                    request.path = path.to_owned();
                }
            }
        }
        request
    }

    /// Returns the lines of the response's head, and its body.
    fn send(&self, service: &Service) -> (Vec<String>, String) {
        let default = if self.body.is_some() { "POST" } else { "GET" };
        let method = self.method.as_deref().unwrap_or(default);
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(service.url(&self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let is_typed = |(name, _): &(String, _)| name.eq_ignore_ascii_case("content-type");
        if self.body.is_some() && !self.headers.iter().any(is_typed) {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let body = self.body.clone().unwrap_or_default();
        let request = request.body(body).expect("a request");
        let mut answer = crate::agent().run(request).expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body of text");
        let status = format!("HTTP/1.1 {}", answer.status());
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            format!("{name}: {value}")
        });
        (std::iter::once(status).chain(headers).collect(), body)
    }
}

/// Splits a command into words like a shell, as far as quotes are concerned.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (' ', None) => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            (c, _) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}
