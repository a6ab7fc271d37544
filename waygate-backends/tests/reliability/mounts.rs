//! Files that are mounted individually, and read-only directories.

use std::{fs, path::Path, process::Command};

use libtest_mimic::Trial;
use serde_json::json;
use waygate_backends::{BootCache, FileBackend};
use waygate_core::port::{Backend, BackendError};

use super::{child, disk_full, kit::*};

pub(crate) fn trials() -> Vec<Trial> {
    let flags = ["-m", "-rm"].into_iter().find(|flags| {
        let mut probe = disk_full::in_a_small_disk(flags, "true", Path::new("/tmp"));
        probe.output().is_ok_and(|output| output.status.success())
    });
    if flags.is_none() {
        eprintln!("mounts: nothing can be mounted here; that trial is ignored");
    }
    let trial = Trial::test("mounts::said_at_the_start", move || {
        let place = Place::new("json");
        let flags = flags.unwrap_or_default();
        let command = disk_full::in_a_small_disk(flags, "exec \"$0\"", place.dir.path());
        disk_full::report(child::start("mounted", &place.main(), Some(command)));
        Ok(())
    });
    vec![trial.with_ignored_flag(flags.is_none())]
}

fn mount(arguments: &[&str], paths: &[&Path]) {
    let mut command = Command::new("mount");
    let status = command.args(arguments).args(paths).status();
    assert!(status.unwrap().success(), "cannot mount {paths:?}");
}

fn unmount(path: &Path) {
    let status = Command::new("umount").arg(path).status();
    assert!(status.unwrap().success());
}

/// Runs in a process that may mount, and has its own disk at the place.
pub(crate) async fn mounted(main: &Path) {
    record_logs();
    let dir = main.parent().unwrap();
    let host = dir.join("host.json");
    let app = dir.join("an app");
    fs::create_dir(&app).unwrap();
    let store = FileBackend::open(&host).await.unwrap();
    commit(&store, put("a", "of the host")).await;
    drop(store);

    // `docker run -v ./host.json:/app/state.json`
    let inside = app.join("state.json");
    fs::write(&inside, "").unwrap();
    mount(&["--bind"], &[&host, &inside]);
    for refused in [
        FileBackend::open(&inside).await.unwrap_err(),
        BootCache::new(&inside).unwrap_err(),
    ] {
        assert!(
            matches!(refused, BackendError::Misconfigured(_)),
            "{refused}"
        );
        let advice = format!("mount its directory `{}`", app.display());
        assert!(refused.to_string().contains(&advice), "{refused}");
    }
    // The same with `:ro`, or as a `subPath` of a ConfigMap: the file is read-only.
    mount(&["-o", "remount,bind,ro"], &[&inside]);
    let reader = FileBackend::open(&inside).await.unwrap();
    assert_eq!(values(&reader).await["a"], json!("of the host"));
    let health = reader.health().await.unwrap_err();
    assert!(matches!(health, BackendError::NotWritable(_)), "{health}");
    assert!(health.to_string().contains("mounted by itself"), "{health}");
    let refused = reader.commit(put("a", 2)).await.unwrap_err().to_string();
    assert!(refused.contains("mounted by itself"), "{refused}");
    assert_eq!(
        logs(&["the state file is read-only", "mounted by itself"]),
        1
    );
    unmount(&inside);

    // The log can only be rotated where it can be renamed.
    let log = app.join("other.json.audit.jsonl");
    fs::write(&log, "").unwrap();
    mount(&["--bind"], &[&host, &log]);
    let refused = FileBackend::open(app.join("other.json")).await.unwrap_err();
    assert!(refused.to_string().contains("audit.jsonl`"), "{refused}");
    unmount(&log);

    // A read-only directory.
    fs::copy(&host, &inside).unwrap();
    mount(&["--bind"], &[&app, &app]);
    mount(&["-o", "remount,bind,ro"], &[&app]);
    let reader = FileBackend::open(&inside).await.unwrap();
    assert_eq!(values(&reader).await["a"], json!("of the host"));
    assert!(matches!(
        reader.health().await,
        Err(BackendError::NotWritable(_))
    ));
    assert_eq!(logs(&["the state file is read-only", "Read-only"]), 1);
    let refused = FileBackend::open(app.join("none.json")).await.unwrap_err();
    assert!(
        matches!(refused, BackendError::Misconfigured(_)),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("cannot be created"),
        "{refused}"
    );
    child::say(
        "mounts: a file by itself is refused, or read if it is read-only; health says so from the start",
    );
}
