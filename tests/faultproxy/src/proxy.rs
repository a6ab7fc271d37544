use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Direction, Mode,
    pump::{Ending, pump},
};

/// A TCP proxy on 127.0.0.1 with faults on demand. It ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) setting: watch::Sender<Setting>,
    target: Mutex<SocketAddr>,
    seed: u64,
    accepted: AtomicU64,
    closed: AtomicU64,
    unreachable: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) mode: Mode,
    /// Incremented with each mode that is set.
    pub(crate) nth: u64,
    resets: u64,
}

/// Counts of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The number of connections accepted so far.
    pub accepted: u64,
    /// The number of open connections.
    pub open: u64,
    /// The number of connections whose target was unreachable.
    pub unreachable: u64,
    /// Bytes forwarded to the target.
    pub to_server: u64,
    /// Bytes forwarded to clients.
    pub to_client: u64,
}

impl FaultProxy {
    /// Starts a proxy that forwards everything. Must be called within a tokio runtime.
    pub async fn start(target: SocketAddr) -> Self {
        Self::seeded(target, 0x5eed).await
    }

    /// The same with another seed for its jitter.
    pub async fn seeded(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port on 127.0.0.1");
        let addr = listener.local_addr().expect("the proxy's address");
        let shared = Arc::new(Shared {
            setting: watch::Sender::new(Setting {
                mode: Mode::Pass,
                nth: 0,
                resets: 0,
            }),
            target: Mutex::new(target),
            seed,
            accepted: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            unreachable: AtomicU64::new(0),
            to_server: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { addr, shared, task }
    }

    /// Returns the address for clients.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the port of [`addr`](Self::addr).
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Changes the mode, for open and new connections.
    pub fn set(&self, mode: Mode) {
        self.shared.setting.send_modify(|setting| {
            setting.mode = mode;
            setting.nth += 1;
        });
    }

    /// Sends new connections to another server. Open ones keep theirs.
    pub fn set_target(&self, target: SocketAddr) {
        *self.shared.target.lock().expect("no panic under the lock") = target;
    }

    /// Resets the open connections; new ones are accepted.
    pub fn reset_connections(&self) {
        self.shared
            .setting
            .send_modify(|setting| setting.resets += 1);
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> Counts {
        let shared = &self.shared;
        let closed = shared.closed.load(Relaxed);
        let accepted = shared.accepted.load(Relaxed);
        Counts {
            accepted,
            open: accepted - closed,
            unreachable: shared.unreachable.load(Relaxed),
            to_server: shared.to_server.load(Relaxed),
            to_client: shared.to_client.load(Relaxed),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    pub(crate) fn count(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        };
        counter.fetch_add(bytes as u64, Relaxed);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut setting = shared.setting.subscribe();
    loop {
        let hangs = setting.borrow_and_update().mode == Mode::Hang;
        tokio::select! {
            changed = setting.changed() => if changed.is_err() { return },
            accepted = listener.accept(), if !hangs => {
                if let Ok((client, _)) = accepted {
                    shared.accepted.fetch_add(1, Relaxed);
                    connections.spawn(serve(client, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    // Counted however the connection ends, including by an abort.
    let _open = Open(shared.clone());
    let mut setting = shared.setting.subscribe();
    let resets = setting.borrow().resets;
    let nth = shared.accepted.load(Relaxed);
    let target = *shared.target.lock().expect("no panic under the lock");
    let Ok(mut server) = TcpStream::connect(target).await else {
        shared.unreachable.fetch_add(1, Relaxed);
        // A client whose connection is not reset might take its end for a response.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let random = fastrand::Rng::with_seed(shared.seed.wrapping_add(nth));
    let ending = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                pump(
                    from_client,
                    to_server,
                    Direction::ToServer,
                    &shared,
                    random.clone()
                ),
                pump(
                    from_server,
                    to_client,
                    Direction::ToClient,
                    &shared,
                    random.clone()
                ),
            )
        };
        tokio::select! {
            biased;
            _ = setting.wait_for(|now| now.mode == Mode::Reset || now.resets != resets) => Ending::Reset,
            ended = both => ended.err().unwrap_or(Ending::Closed),
        }
    };
    if ending == Ending::Reset {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Relaxed);
    }
}
