//! Disks without space or write permission.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

use libtest_mimic::Trial;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use waygate_backends::FileBackend;
use waygate_core::port::{Backend, BackendError, Batch, CommitError};

use super::{child, kit::*};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = portable();
    let tmpfs = ["-m", "-rm"].into_iter().find(|flags| {
        let mut probe = in_a_small_disk(flags, "true", Path::new("/tmp"));
        probe.output().is_ok_and(|output| output.status.success())
    });
    match tmpfs {
        Some(flags) => eprintln!("disk full: a tmpfs of 1 MiB is mounted with `unshare {flags}`"),
        None => eprintln!("disk full: no tmpfs can be mounted here; that trial is ignored"),
    }
    let name = "disk_full::a_real_disk_without_room_or_read_only";
    let trial = Trial::test(name, move || {
        a_real_disk_without_room_or_read_only(tmpfs.unwrap_or_default());
        Ok(())
    });
    trials.push(trial.with_ignored_flag(tmpfs.is_none()));
    trials
}

mod portable {
    use super::*;

    crate::trials!(
        file_size_limit,
        missing_directory,
        lock_that_cannot_be_created
    );

    /// A write stops in the middle, as on a full disk: a limit on file sizes does that for any user.
    fn file_size_limit() {
        let place = Place::new("json");
        let mut shell = Command::new("sh");
        let this = std::env::current_exe().unwrap();
        shell.arg("-c").arg("trap '' XFSZ; exec \"$0\"").arg(this);
        report(child::start("limited", &place.main(), Some(shell)));
    }

    fn missing_directory() {
        let place = Place::new("yaml");
        let dir = place.dir.path().join("dir");
        let away = place.dir.path().join("away");
        fs::create_dir(&dir).unwrap();
        block_on(async {
            let store = FileBackend::open(dir.join("state.yaml")).await.unwrap();
            commit(&store, put("a", 1)).await;
            fs::rename(&dir, &away).unwrap();
            assert!(is_refused(&store, put("a", 2)).await);
            assert!(matches!(
                store.health().await,
                Err(BackendError::NotWritable(_))
            ));
            assert_eq!(values(&store).await["a"], json!(1));
            fs::rename(&away, &dir).unwrap();
            assert_eq!(commit(&store, put("a", 3)).await, 2);
            store.health().await.unwrap();
        });
    }

    fn lock_that_cannot_be_created() {
        let place = Place::new("toml");
        block_on(async {
            let store = place.open().await;
            commit(&store, put("a", 1)).await;
            fs::remove_file(place.beside(".lock")).unwrap();
            fs::create_dir(place.beside(".lock")).unwrap();
            assert!(is_refused(&store, put("a", 2)).await);
            assert_eq!(
                (values(&store).await["a"].clone(), number(&store).await),
                (json!(1), 1)
            );
            fs::remove_dir(place.beside(".lock")).unwrap();
            assert_eq!(commit(&store, put("a", 3)).await, 2);
        });
    }
}
use portable::trials as portable;

fn a_real_disk_without_room_or_read_only(flags: &str) {
    let place = Place::new("json");
    let command = in_a_small_disk(flags, "exec \"$0\"", place.dir.path());
    report(child::start("starved", &place.main(), Some(command)));
    assert!(place.names("").is_empty(), "the mount was seen outside");
}

pub(crate) fn in_a_small_disk(flags: &str, then: &str, dir: &Path) -> Command {
    let mut command = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o size=1m tmpfs \"$1\" && {then}");
    command.args([flags, "sh", "-c", &mount]);
    command.arg(std::env::current_exe().unwrap()).arg(dir);
    command
}

pub(crate) fn report(child: child::Other) {
    let child::Other { mut process, lines } = child;
    let said: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(process.wait().unwrap().success(), "{said:?}");
    println!("{}", said.join("\n"));
}

/// Returns whether a commit is refused as not writable. Any other failure is wrong.
async fn is_refused(store: &FileBackend, batch: Batch) -> bool {
    match store.commit(batch).await {
        Ok(_) => false,
        Err(CommitError::Backend(BackendError::NotWritable(_))) => true,
        Err(other) => panic!("`NotWritable` was due, not {other:?}"),
    }
}

/// The expected content, and the number of refused additions.
struct Oracle {
    values: BTreeMap<String, Value>,
    commits: u64,
    refused: u64,
}

impl Oracle {
    fn new() -> Self {
        Self {
            values: BTreeMap::new(),
            commits: 0,
            refused: 0,
        }
    }

    async fn attempt(&mut self, store: &FileBackend, key: String, value: Value) -> bool {
        if is_refused(store, put(&key, value.clone())).await {
            self.refused += 1;
            assert_eq!(
                values(store).await,
                self.values,
                "a refused commit changed something"
            );
            return false;
        }
        self.commits += 1;
        self.values.insert(key, value);
        true
    }

    async fn matches(&self, store: &FileBackend) {
        assert_eq!(values(store).await, self.values);
        assert_eq!(number(store).await, self.commits);
        let log = logged(store).await;
        assert!(!log.is_empty() && log.len() as u64 <= self.commits);
        assert!(log.into_iter().eq((1..=self.commits).rev().take_while({
            let oldest = self.oldest_logged(store).await;
            move |revision| *revision >= oldest
        })));
    }

    async fn oldest_logged(&self, store: &FileBackend) -> u64 {
        logged(store).await.pop().unwrap()
    }
}

/// Runs in a process whose files may not grow beyond 64 KiB.
pub(crate) async fn limited(path: &Path) {
    let limit = |current| Rlimit {
        current,
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    // The log has a far lower limit, so that it is never the file that cannot grow.
    let open = || FileBackend::builder(path).audit_bytes(4 << 10).open();
    let store = open().await.unwrap();
    setrlimit(Resource::Fsize, limit(Some(64 << 10))).unwrap();
    let mut oracle = Oracle::new();
    for nth in 0..1_000 {
        oracle
            .attempt(&store, format!("k/{nth}"), json!("x".repeat(4 << 10)))
            .await;
    }
    assert!(oracle.refused > 900 && oracle.commits > 10);
    oracle.matches(&open().await.unwrap()).await;
    assert!(names_in(path.parent().unwrap(), ".tmp").is_empty());

    // A smaller state fits again, and so does a larger one once the limit is raised.
    assert!(oracle.attempt(&store, "k/0".to_owned(), json!(null)).await);
    assert!(
        oracle
            .attempt(&store, "k/new".to_owned(), json!("x".repeat(2 << 10)))
            .await
    );
    assert!(
        !oracle
            .attempt(&store, "k/large".to_owned(), json!("x".repeat(64 << 10)))
            .await
    );
    setrlimit(Resource::Fsize, limit(None)).unwrap();
    assert!(
        oracle
            .attempt(&store, "k/large".to_owned(), json!("x".repeat(64 << 10)))
            .await
    );
    oracle.matches(&open().await.unwrap()).await;
    child::say(&format!(
        "disk full: files limited to 64 KiB: {} commits, {} refused as not writable, state whole after \
         each, writes again immediately",
        oracle.commits, oracle.refused
    ));
}

/// Runs in a process with its own disk of 1 MiB.
pub(crate) async fn starved(path: &Path) {
    let dir = path.parent().unwrap();
    let ballast = dir.join("ballast");
    let open = || FileBackend::open(path);
    let store = open().await.unwrap();
    let mut oracle = Oracle::new();
    assert!(oracle.attempt(&store, "k/0".to_owned(), json!(0)).await);
    for round in 0..10 {
        fill(&ballast);
        assert!(matches!(
            store.health().await,
            Err(BackendError::NotWritable(_))
        ));
        for nth in 0..50 {
            assert!(
                !oracle
                    .attempt(&store, format!("k/{nth}"), json!(round))
                    .await
            );
        }
        // Space for some commits of growing size, and then for none.
        let part = fs::metadata(&ballast).unwrap().len() - (100 << 10);
        File::options()
            .write(true)
            .open(&ballast)
            .unwrap()
            .set_len(part)
            .unwrap();
        for nth in 0..50 {
            let pad = json!("x".repeat(1 << 10));
            oracle
                .attempt(&store, format!("k/{nth}/{round}"), pad)
                .await;
        }
        fs::remove_file(&ballast).unwrap();
        assert!(
            oracle.attempt(&store, "k/0".to_owned(), json!(round)).await,
            "no room again"
        );
        store.health().await.unwrap();
        assert!(names_in(dir, ".tmp").is_empty());
        oracle.matches(&open().await.unwrap()).await;
    }
    child::say(&format!(
        "disk full: tmpfs of 1 MiB: {} commits, {} refused as not writable, state whole after each, \
         writes again immediately",
        oracle.commits, oracle.refused
    ));
    remount(dir, "ro");
    for nth in 0..20 {
        assert!(!oracle.attempt(&store, "k/0".to_owned(), json!(nth)).await);
    }
    let reader = open().await.unwrap();
    assert_eq!(
        values(&reader).await,
        oracle.values,
        "a read-only store cannot be read"
    );
    assert!(matches!(
        reader.health().await,
        Err(BackendError::NotWritable(_))
    ));
    remount(dir, "rw");
    assert!(
        oracle
            .attempt(&store, "k/0".to_owned(), json!("written"))
            .await
    );
    oracle.matches(&reader).await;
    child::say("disk full: mounted read-only: 20 refused as not writable, read all the same");
}

fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    for size in [64 << 10, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

fn remount(dir: &Path, mode: &str) {
    let options = format!("remount,bind,{mode}");
    let status = Command::new("mount")
        .args(["-o", &options])
        .arg(dir)
        .status();
    assert!(status.unwrap().success(), "cannot remount {mode}");
}
