//! A client in a process of its own, driven line by line.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The longest wait for a line of a client.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Client {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    pub events: Receiver<Value>,
}

impl Client {
    /// Starts a script of `data/ofrep` in Node.js.
    pub fn node(script: &str, arguments: &[&str]) -> Self {
        Self::start(node(), script, arguments)
    }

    /// Starts a script of `data/ofrep` in Python.
    pub fn python(script: &str, arguments: &[&str]) -> Self {
        Self::start(python(), script, arguments)
    }

    fn start(mut command: Command, script: &str, arguments: &[&str]) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ofrep");
        let mut child = command
            .arg(data.join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let ((answer, answers), (event, events)) = (channel(), channel());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).expect("a line of JSON");
                let sent = match line.get("event") {
                    Some(occurred) => event.send(occurred.clone()),
                    None => answer.send(line["answer"].clone()),
                };
                if sent.is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            input,
            answers,
            events,
        }
    }

    /// Waits for the next answer.
    pub fn answer(&self) -> Value {
        self.answers
            .recv_timeout(PATIENCE)
            .expect("the client answers; its error is above")
    }

    pub fn ask(&mut self, request: Value) -> Value {
        writeln!(self.input, "{request}").expect("the client runs");
        self.answer()
    }

    /// Evaluates a flag.
    pub fn evaluate(
        &mut self,
        value_type: &str,
        key: &str,
        fallback: Value,
        context: Value,
    ) -> Value {
        self.ask(
            json!({ "type": value_type, "key": key, "fallback": fallback, "context": context }),
        )
    }

    /// Waits for an event of this name. Returns it, and the time that it took.
    pub fn event(&self, name: &str) -> (Value, Duration) {
        let start = Instant::now();
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event");
            if event["name"] == name {
                return (event, start.elapsed());
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns Node.js with the OpenFeature SDKs.
pub fn node() -> Command {
    let modules = required(
        "WAYGATE_TEST_OFREP_NODE_MODULES",
        "the folder that `npm ci` makes from data/ofrep/package-lock.json",
    );
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules);
    command
}

/// Returns Python with the OpenFeature SDK.
pub fn python() -> Command {
    Command::new(required(
        "WAYGATE_TEST_OFREP_PYTHON",
        "the `python` of an environment with data/ofrep/requirements.txt",
    ))
}

fn required(variable: &str, meaning: &str) -> PathBuf {
    let Some(path) = env::var_os(variable) else {
        panic!("{variable} must name {meaning}; ./test.sh installs it");
    };
    path.into()
}
