//! The cost of a limited route over sockets: `axum::serve` on one thread, a client with keep-alive connections on
//! another.
//!
//! Each round sends requests to every application, in random order. The figures are CPU time of the server's thread and
//! elapsed time per request, each as a ratio to the bare routers of the same round; the median counts. The three bare
//! routers show the spread of equal things.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use cpu_time::ThreadTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc::UnboundedSender, oneshot},
    task::JoinSet,
};
use waygate::limits::RateLimitHeaders::{Legacy, Off};
use waygate_bench::{Report, Row, floor};

#[path = "limits/routers.rs"]
mod routers;

use routers::{governed, guarded, limited, router};

const ROUNDS: usize = 100;
const CONNECTIONS: usize = 16;
const REQUESTS: u32 = 125;
const REQUEST: &[u8] = b"GET /items/42 HTTP/1.1\r\nhost: example.com\r\n\r\n";
/// The end of each response.
const END: &[u8] = b"\r\n\r\nitem";

/// The number of bare routers, which come first.
const BARE: usize = 3;

/// The time of one request.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    elapsed: f64,
}

fn main() {
    let (served, addresses) = mpsc::channel();
    thread::spawn(move || runtime().block_on(serve(&served)));
    let (names, addresses, clock) = addresses.recv().unwrap();
    let rounds = runtime().block_on(ask(&addresses, &clock));
    let (mut rows, mut control) = (Vec::new(), 0.0);
    for (title, of) in [
        ("CPU", (|cost: Cost| cost.cpu) as fn(Cost) -> f64),
        ("elapsed", |cost| cost.elapsed),
    ] {
        let bare = median(rounds.iter().map(|costs| bare(costs, of)));
        println!("\n{title:<34} {:>9} {:>9}", "ns", "of bare");
        for (index, name) in names.iter().copied().enumerate() {
            let ratios = rounds
                .iter()
                .map(|costs| of(costs[index]) / self::bare(costs, of));
            let ratio = median(ratios);
            println!("{name:<34} {:>6.0} ns {ratio:>9.3}", ratio * bare);
            if index >= BARE {
                rows.push(Row::new(name, ratio * bare, title, bare, None));
            } else if index == BARE - 1 && control == 0.0 {
                control = ratio;
            }
        }
    }
    Report::new("sockets", control, rows).publish().unwrap();
}

/// The mean of the bare routers in one round.
fn bare(costs: &[Cost], of: fn(Cost) -> f64) -> f64 {
    costs[..BARE].iter().map(|cost| of(*cost)).sum::<f64>() / BARE as f64
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Asks for the CPU time of the server's thread.
type Clock = UnboundedSender<oneshot::Sender<Duration>>;

/// Serves each application on its own port. Sends their names and addresses, and reports the CPU time.
async fn serve(served: &mpsc::Sender<(Vec<&'static str>, Vec<SocketAddr>, Clock)>) {
    let applications: [(&'static str, Router); 9] = [
        ("bare axum", router()),
        ("bare axum, again", router()),
        ("bare axum, once more", router()),
        ("empty layer", floor(router())),
        ("waygate, no limit", guarded(Off).await.1),
        ("tower_governor, no headers", governed(false)),
        ("waygate, no headers", limited(Off).await),
        ("tower_governor, headers", governed(true)),
        ("waygate, headers", limited(Legacy).await),
    ];
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for (name, application) in applications {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        names.push(name);
        addresses.push(listener.local_addr().unwrap());
        let service = application.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
    }
    let (clock, mut asked) = tokio::sync::mpsc::unbounded_channel::<oneshot::Sender<Duration>>();
    served.send((names, addresses, clock)).unwrap();
    while let Some(asked) = asked.recv().await {
        let _ = asked.send(ThreadTime::now().as_duration());
    }
}

/// The cost of each application in each round.
async fn ask(addresses: &[SocketAddr], clock: &Clock) -> Vec<Vec<Cost>> {
    let mut connections = Vec::new();
    for address in addresses {
        let mut own = Vec::new();
        for _ in 0..CONNECTIONS {
            let connection = TcpStream::connect(address).await.unwrap();
            connection.set_nodelay(true).unwrap();
            own.push(connection);
        }
        connections.push(own);
    }
    let nothing = Cost {
        cpu: 0.0,
        elapsed: 0.0,
    };
    let mut rounds = vec![vec![nothing; addresses.len()]; ROUNDS];
    let mut order: Vec<usize> = (0..addresses.len()).collect();
    for costs in &mut rounds {
        fastrand::shuffle(&mut order);
        for &index in &order {
            let own = std::mem::take(&mut connections[index]);
            let (cpu, start) = (cpu_time(clock).await, Instant::now());
            connections[index] = ask_all(own).await;
            let per_request = |time: Duration| {
                time.as_secs_f64() * 1e9 / (f64::from(REQUESTS) * CONNECTIONS as f64)
            };
            costs[index] = Cost {
                elapsed: per_request(start.elapsed()),
                cpu: per_request(cpu_time(clock).await - cpu),
            };
        }
    }
    // The first rounds warm up.
    rounds.split_off(5)
}

async fn cpu_time(clock: &Clock) -> Duration {
    let (ask, asked) = oneshot::channel();
    clock.send(ask).unwrap();
    asked.await.unwrap()
}

async fn ask_all(connections: Vec<TcpStream>) -> Vec<TcpStream> {
    let asking: JoinSet<TcpStream> = connections.into_iter().map(ask_often).collect();
    asking.join_all().await
}

async fn ask_often(mut connection: TcpStream) -> TcpStream {
    let mut response = Vec::with_capacity(1_024);
    for _ in 0..REQUESTS {
        connection.write_all(REQUEST).await.unwrap();
        response.clear();
        while !response.ends_with(END) {
            assert_ne!(connection.read_buf(&mut response).await.unwrap(), 0);
        }
        assert!(response.starts_with(b"HTTP/1.1 200"), "a refusal");
    }
    connection
}
