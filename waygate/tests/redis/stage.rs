//! A Redis behind a network, and the faults of both.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use waygate::port::RedisOptions;
use waygate_faultproxy::{Direction, FaultProxy, Mode, RedisProc, eventually};

use crate::support::{PATIENCE, options};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9`, and a restart with the acknowledged data.
    Killed,
    /// `SIGSTOP` and `SIGCONT`.
    Stopped,
    Blackholed,
    Reset,
    /// One byte of a response is changed.
    Corrupted,
    /// `FLUSHALL`.
    Flushed,
    /// Writes are refused.
    OutOfMemory,
    /// The password changes, and connections have to authenticate again.
    PasswordChanged,
    /// The master dies; a replica without its last writes is promoted.
    PromotedBehind,
}

impl Fault {
    /// Whether Redis counts nothing until the fault is over.
    pub(crate) fn is_outage(self) -> bool {
        !matches!(self, Self::Corrupted | Self::Flushed | Self::PromotedBehind)
    }

    /// Whether requests wait until the fault is detected.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Stopped | Self::Blackholed | Self::Corrupted)
    }

    /// Whether the data of Redis is lost for good.
    pub(crate) fn loses_state(self) -> bool {
        matches!(self, Self::Flushed | Self::PromotedBehind)
    }
}

pub(crate) struct Stage {
    fault: Fault,
    server: RedisProc,
    proxy: FaultProxy,
    replica: Option<(RedisProc, FaultProxy)>,
}

impl Stage {
    pub(crate) async fn set(fault: Fault) -> Self {
        let server = match fault {
            // Only the fault that kills the process needs a log on disk.
            Fault::Killed => RedisProc::options()
                .append_only()
                .argument("appendfsync", ["everysec"]),
            Fault::PasswordChanged => RedisProc::options().password("old"),
            _ => RedisProc::options(),
        };
        let server = block_in_place(|| server.start());
        let proxy = FaultProxy::start(server.addr()).await;
        let replica = match fault {
            Fault::PromotedBehind => {
                let link = FaultProxy::start(server.addr()).await;
                let replica = RedisProc::options().replica_of(link.addr());
                let replica = block_in_place(|| {
                    let replica = replica.start();
                    replica.wait_synced();
                    replica
                });
                Some((replica, link))
            }
            _ => None,
        };
        Self {
            fault,
            server,
            proxy,
            replica,
        }
    }

    /// Connects to Redis, through the proxy if the network is at fault.
    pub(crate) fn options(&self) -> RedisOptions {
        use Fault::{Killed, OutOfMemory, PasswordChanged, Stopped};
        match self.fault {
            PasswordChanged => options(self.server.addr()).password("old".to_owned()),
            Killed | Stopped | OutOfMemory => options(self.server.addr()),
            _ => options(self.proxy.addr()),
        }
    }

    /// Stops the replication.
    pub(crate) fn fall_behind(&self) {
        if let Some((_, link)) = &self.replica {
            link.set(Mode::Blackhole);
        }
    }

    pub(crate) async fn begin(&mut self, seed: u64) {
        match self.fault {
            Fault::Killed => block_in_place(|| self.server.kill()),
            Fault::Stopped => self.server.stop(),
            Fault::Blackholed => self.proxy.set(Mode::Blackhole),
            Fault::Reset => self.proxy.set(Mode::Reset),
            Fault::Corrupted => self.corrupt(seed % 60).await,
            Fault::Flushed => block_in_place(|| self.server.flushall()),
            Fault::OutOfMemory => block_in_place(|| self.server.config_set("maxmemory", "1")),
            Fault::PasswordChanged => block_in_place(|| {
                self.server.config_set("requirepass", "new");
                // Authenticated connections would stay authenticated.
                self.server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
                self.server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            }),
            Fault::PromotedBehind => {
                let Some((replica, _)) = &self.replica else {
                    return;
                };
                block_in_place(|| {
                    self.server.kill();
                    replica.promote();
                });
                self.proxy.set_target(replica.addr());
                self.proxy.reset_connections();
            }
        }
    }

    /// Changes one byte in the middle of a response to a request.
    async fn corrupt(&self, nth: u64) {
        let (before, direction) = (self.proxy.counts(), Direction::ToClient);
        self.proxy.set(Mode::Corrupt { direction, nth });
        let noticed = || self.proxy.counts().accepted > before.accepted;
        eventually(PATIENCE, "another connection is tried", noticed).await;
        self.proxy.set(Mode::Pass);
    }

    pub(crate) fn end(&mut self) {
        match self.fault {
            Fault::Killed => block_in_place(|| self.server.restart()),
            Fault::Stopped => self.server.cont(),
            Fault::Blackholed | Fault::Reset => self.proxy.set(Mode::Pass),
            Fault::OutOfMemory => block_in_place(|| self.server.config_set("maxmemory", "0")),
            Fault::PasswordChanged => {
                block_in_place(|| self.server.config_set("requirepass", "old"));
            }
            Fault::Corrupted | Fault::Flushed | Fault::PromotedBehind => {}
        }
    }

    /// Waits until the counters in Redis change.
    pub(crate) async fn until_counted(&self) -> Duration {
        let (begin, before) = (Instant::now(), self.counters());
        eventually(PATIENCE, "Redis counts again", || self.counters() != before).await;
        begin.elapsed()
    }

    /// A digest of all counters.
    fn counters(&self) -> String {
        const SCRIPT: &str = "local names, all = redis.call('KEYS', '*:c:{*'), '' table.sort(names) \
            for _, name in ipairs(names) do all = all .. redis.call('DUMP', name) end return redis.sha1hex(all)";
        let server = match &self.replica {
            Some((replica, _)) => replica,
            None => &self.server,
        };
        block_in_place(|| server.command(&["EVAL", SCRIPT, "0"]))
    }
}
