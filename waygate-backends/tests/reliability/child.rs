//! The child process, which reports on its standard output, line by line.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use waygate_backends::FileBackend;
use waygate_core::port::{Backend, CommitError, Expected};

use super::kit::*;

pub(crate) const ROLE: &str = "WAYGATE_TEST_ROLE";
const PATH: &str = "WAYGATE_TEST_PATH";
const NAME: &str = "WAYGATE_TEST_NAME";
const COUNT: &str = "WAYGATE_TEST_COUNT";

pub(crate) fn play(role: &str) {
    let path = std::env::var(PATH).unwrap();
    block_on(async {
        match role {
            "writer" => write_for_ever(Path::new(&path)).await,
            "counter" => count(Path::new(&path)).await,
            #[cfg(unix)]
            "limited" => super::disk_full::limited(Path::new(&path)).await,
            #[cfg(unix)]
            "starved" => super::disk_full::starved(Path::new(&path)).await,
            #[cfg(unix)]
            "mounted" => super::mounts::mounted(Path::new(&path)).await,
            #[cfg(target_os = "linux")]
            "trier" => super::syscalls::trier(Path::new(&path)).await,
            _ => panic!("no role is called `{role}`"),
        }
    });
}

pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Commits in a loop, and prints `ACK <n> <revision>` after each.
async fn write_for_ever(path: &Path) {
    let store = FileBackend::open(path).await.unwrap();
    let mut n = values(&store)
        .await
        .get("n")
        .and_then(|n| n.as_u64())
        .unwrap_or(0);
    loop {
        n += 1;
        let mut batch = put("n", n);
        batch.puts.push((
            format!("slot/{}", n % 16).as_str().into(),
            json!({ "n": n, "pad": "x".repeat(200) }),
        ));
        batch.audit[0].path = format!("/{n}");
        let revision = commit(&store, batch).await;
        say(&format!("ACK {n} {revision}"));
    }
}

/// Increments a shared counter by compare-and-set a number of times. Prints the number of lost races.
async fn count(path: &Path) {
    let name = std::env::var(NAME).unwrap();
    let times = setting(COUNT, 0);
    // Longer than any wait for the lock on a busy machine.
    let options = FileBackend::builder(path).lock_timeout(Duration::from_secs(60));
    let store = options.open().await.unwrap();
    let mut lost = 0;
    for nth in 1..=times {
        loop {
            let entities = store.load().await.unwrap().entities;
            let found = entities.iter().find(|(key, _)| key.as_str() == "count");
            let (count, expected) = match found {
                Some((_, entity)) => (
                    entity.value.as_u64().unwrap(),
                    Expected::Revision(entity.revision),
                ),
                None => (0, Expected::Absent),
            };
            let mut batch = put("count", count + 1);
            batch.expected = vec![("count".into(), expected)];
            batch
                .puts
                .push((format!("of/{name}").as_str().into(), json!(nth)));
            batch.audit[0].path = format!("/{name}/{nth}");
            match store.commit(batch).await {
                Ok(_) => break,
                Err(CommitError::Conflict { .. }) => lost += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    say(&format!("LOST {lost}"));
}

pub(crate) struct Other {
    pub(crate) process: Child,
    pub(crate) lines: io::Lines<BufReader<ChildStdout>>,
}

/// Starts this program in a role, directly or through `command`.
pub(crate) fn start(role: &str, path: &Path, command: Option<Command>) -> Other {
    let command = command.unwrap_or_else(|| Command::new(std::env::current_exe().unwrap()));
    launch(command.env_role(role, path))
}

pub(crate) fn start_counter(path: &Path, name: &str, times: u64) -> Other {
    let mut command = Command::new(std::env::current_exe().unwrap()).env_role("counter", path);
    command.env(NAME, name).env(COUNT, times.to_string());
    launch(command)
}

fn launch(mut command: Command) -> Other {
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    Other { process, lines }
}

trait EnvRole {
    fn env_role(self, role: &str, path: &Path) -> Self;
}

impl EnvRole for Command {
    fn env_role(mut self, role: &str, path: &Path) -> Self {
        self.env(ROLE, role).env(PATH, path);
        self
    }
}
