use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use waygate_backends::RedisOptions;
use waygate_faultproxy::{FaultProxy, Mode, RedisProc, eventually, free_port};

use crate::support::{PATIENCE, connected, until_counted};

/// A sentinel that watches one master.
struct Sentinel {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let settings = directory.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n",
            directory.path().display()
        );
        std::fs::write(&settings, text).unwrap();
        let child = Command::new("redis-server")
            .arg(settings)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            port,
            _directory: directory,
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_master_is_found_after_a_failover() {
    let mut master = RedisProc::start();
    let replica = RedisProc::options().replica_of(master.addr()).start();
    replica.wait_synced();
    let sentinel = Sentinel::start(master.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
    let options = RedisOptions::new(&url).unwrap().deadline(PATIENCE);
    let counters = connected(options).await;
    until_counted(&counters, PATIENCE).await;
    // The sentinel asks the master for its replicas every ten seconds.
    let known = || {
        master
            .command(&["INFO", "replication"])
            .contains("state=online")
    };
    eventually(PATIENCE, "a replica", known).await;
    tokio::task::block_in_place(|| master.kill());
    // Sentinels close the connections of a server whose role they change.
    let promoted = || {
        let role = replica.query(&["ROLE"]);
        role.is_ok_and(|role| role.to_string().contains("master"))
    };
    let took = eventually(Duration::from_secs(60), "a failover", promoted).await;
    let back = until_counted(&counters, Duration::from_secs(10)).await;
    println!("counted {back:.0?} after a failover that took {took:.0?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_sentinels_do_not_delay_the_others() {
    let master = RedisProc::start();
    let sentinel = Sentinel::start(master.port());
    let hung = FaultProxy::start(([127, 0, 0, 1], free_port()).into()).await;
    hung.set(Mode::Hang);
    let (hung, port) = (hung.port(), sentinel.port);
    let url = format!(
        "redis+sentinel://127.0.0.1:{hung},127.0.0.1:{hung},127.0.0.1:{hung},127.0.0.1:{port}/main"
    );
    let options = RedisOptions::new(&url).unwrap().deadline(PATIENCE);
    let counters = connected(options).await;
    until_counted(&counters, PATIENCE).await;
}
