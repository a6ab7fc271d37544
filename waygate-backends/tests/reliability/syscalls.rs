//! Every system call of a commit as a point of failure: it fails once, or the process dies there.
//!
//! `strace` does both. Without it, the trial is ignored and reports that.

use std::{
    fs,
    io::IoSlice,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

use libtest_mimic::Trial;
use serde_json::json;
use waygate_backends::FileBackend;
use waygate_core::port::{Backend, BackendError, CommitError};

use super::{child, kit::*};

/// The system calls of a commit, the errors of each, and whether code outside of the store makes it as well, such as
/// the loader and the runtime, which do not handle errors.
const CALLS: [(&str, &[&str], bool); 8] = [
    ("openat", &["ENOSPC", "EROFS"], true),
    ("write", &["ENOSPC", "EIO"], true),
    ("fsync", &["EIO", "ENOSPC"], false),
    ("rename", &["EIO", "ENOSPC"], false),
    ("linkat", &["EPERM"], false),
    ("unlink", &["EROFS"], false),
    ("fchmod", &["EPERM"], false),
    ("flock", &["ENOLCK"], false),
];

pub(crate) fn trials() -> Vec<Trial> {
    let strace = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status();
    let found = strace.is_ok_and(|status| status.success());
    if !found {
        eprintln!("system calls: `strace` is not there or may not trace; these trials are ignored");
    }
    let trials = CALLS.into_iter().map(|(call, errors, shared)| {
        let trial = Trial::test(
            format!("syscalls::{call}_fails_or_is_the_last"),
            move || {
                fails_or_is_the_last(call, errors, shared);
                Ok(())
            },
        );
        trial.with_ignored_flag(!found)
    });
    trials.collect()
}

fn fails_or_is_the_last(call: &str, errors: &[&str], shared: bool) {
    let (mut survived, mut died) = (0, 0);
    let begin = Instant::now();
    // Each run traces a process for every call of its kind, so errors similar to the first are tested only in the
    // long run. The runtime wakes its threads with `write`, and may wait forever if that fails; the disk-full trials
    // make the store's own writes fail instead.
    let kinds = match (std::env::var_os("WAYGATE_TEST_ALL_ERRORS"), call) {
        (Some(_), _) => errors.len(),
        (None, "write") => 0,
        (None, _) => 1,
    };
    let actions = errors
        .iter()
        .take(kinds)
        .map(|error| (format!("error={error}"), shared));
    for (action, may_die) in actions.chain([("signal=KILL".to_owned(), true)]) {
        for nth in 1.. {
            let place = Place::new("json");
            let at = format!("{call}:{action}:when={nth}");
            block_on(async {
                let store = place.open().await;
                for n in 1..=2 {
                    commit(&store, put("n", n)).await;
                }
            });
            let (said, status, log) = run(&place, &at);
            let acked = said.iter().filter(|line| line.starts_with("ACK")).count() as u64;
            let whole = status.success();
            let context = format!("{at}: {said:?}\n{log}");
            check(&place, acked, whole, &context);
            assert!(whole || may_die, "{context}");
            if whole && !log.contains("(INJECTED)") {
                break;
            }
            *(if whole { &mut survived } else { &mut died }) += 1;
        }
    }
    println!(
        "system calls: {call} failed {survived} times, the process died at {died}: state and log are \
         those of the acknowledged commits, {:.1?}",
        begin.elapsed()
    );
}

fn run(place: &Place, inject: &str) -> (Vec<String>, ExitStatus, String) {
    let log = place.dir.path().join("strace");
    let call = inject.split(':').next().unwrap();
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={inject}"),
    ]);
    strace
        .arg("-o")
        .arg(&log)
        .arg(std::env::current_exe().unwrap());
    // The panic of a runtime whose call fails is expected.
    strace.stderr(Stdio::null());
    let mut child = child::start("trier", &place.main(), Some(strace));
    let said = child.lines.by_ref().map_while(Result::ok).collect();
    let status = child.process.wait().unwrap();
    (said, status, fs::read_to_string(log).unwrap_or_default())
}

fn check(place: &Place, acked: u64, whole: bool, context: &str) {
    let temps = place.names(".tmp").len();
    assert!(temps <= 1, "{temps} temporary files, {context}");
    block_on(async {
        let store = place.open().await;
        let found = number(&store).await;
        // A process that died may have made one commit that it could not report.
        let due = 2 + acked..=2 + acked + u64::from(!whole);
        assert!(
            due.contains(&found),
            "found {found}, due {due:?}, {context}"
        );
        assert_eq!(values(&store).await["n"], json!(found), "{context}");
        assert!(
            logged(&store).await.into_iter().eq((1..=found).rev()),
            "{context}"
        );
        assert!(place.names(".corrupt-").is_empty(), "{context}");
        assert_eq!(
            commit(&store, put("n", found + 1)).await,
            found + 1,
            "{context}"
        );
    });
}

/// Commits three times, and retries each that fails; the second attempt must succeed.
pub(crate) async fn trier(path: &Path) {
    // Rare polls, so that only the calls of commits are counted.
    let options = FileBackend::builder(path).poll_interval(std::time::Duration::from_secs(60));
    let store = options.open().await.unwrap();
    for n in 3..=5 {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match store.commit(put("n", n)).await {
                Ok(revision) => {
                    assert_eq!(revision.number, n);
                    say(&format!("ACK {n}\n"));
                    break;
                }
                Err(CommitError::Backend(
                    BackendError::NotWritable(_)
                    | BackendError::Unavailable(_)
                    | BackendError::Unreadable(_),
                )) if attempts == 1 => {
                    say(&format!("REFUSED {n}\n"));
                }
                Err(error) => panic!("attempt {attempts}: {error}"),
            }
        }
    }
}

/// Uses a system call that the store does not make.
fn say(line: &str) {
    let line = IoSlice::new(line.as_bytes());
    rustix::io::writev(rustix::stdio::stdout(), &[line]).unwrap();
}
