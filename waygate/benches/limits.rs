//! The cost of a limit: the store of counters, compared with that of `governor`, and a whole request, compared with
//! one limited by `tower_governor`.
//!
//! Both use the client's IPv4 address, read the time once per call with the same clock (`quanta`, the default of
//! `governor`), and admit everything. They differ in this: `governor` has a cell rate and is unbounded, with its
//! default hash map and hasher; ours has a fixed window, is bounded to a million keys, and identifies a counter by a
//! counter key and bytes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    num::NonZero,
};

use governor::{DefaultKeyedRateLimiter, RateLimiter};
use waygate_backends::MemoryCounters;
use waygate_bench::{Call, Report, Row, Timing, time_calls};
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterKey},
};

#[path = "limits/requests.rs"]
mod requests;
#[path = "limits/routers.rs"]
mod routers;

fn main() {
    let (control, mut rows) = store_rows();
    bytes_per_idle_key();
    a_flood_of_keys();
    rows.extend(requests::rows());
    Report::new("limits", control, rows).publish().unwrap();
}

/// The store alone: one key, and 10,000 keys, few of which are frequent.
fn store_rows() -> (f64, Vec<Row>) {
    let hot = vec![client(1)];
    let zipf = zipf(10_000, 1 << 16);
    let mut control = 0.0;
    let mut rows = Vec::new();
    for (name, clients, threads) in [
        ("store, hot key", &hot, 1),
        ("store, hot key, 2 threads", &hot, 2),
        ("store, zipf", &zipf, 1),
        ("store, zipf, 2 threads", &zipf, 2),
    ] {
        let [ours, again, peer] = store_timings(name, clients, threads);
        // With one thread, the fastest round is the undisturbed one; with two, it is one without contention.
        let figure = |timing: Timing| match threads {
            1 => timing.min,
            _ => timing.median,
        };
        if rows.is_empty() {
            control = figure(again) / figure(ours);
        }
        rows.push(Row::new(
            name,
            figure(ours),
            "governor keyed",
            figure(peer),
            Some(0.8),
        ));
    }
    (control, rows)
}

fn store_timings(title: &str, clients: &[IpAddr], threads: usize) -> [Timing; 3] {
    let (ours, again, peer) = (Ours::new(), Ours::new(), governor());
    let mask = clients.len() - 1;
    let calls = vec![
        Call::new("ours", |turn| ours.ask(clients[turn & mask])),
        Call::new("ours, again", |turn| again.ask(clients[turn & mask])),
        Call::new("governor keyed", |turn| {
            assert!(peer.check_key(&clients[turn & mask]).is_ok());
        }),
    ];
    let timings = time_calls(calls, threads);
    println!("\n{title:<28} {:>9} {:>9} {:>9}", "min", "p10", "median");
    for Timing {
        name,
        min,
        p10,
        median,
    } in &timings
    {
        println!("{name:<28} {min:>6.1} ns {p10:>6.1} ns {median:>6.1} ns");
    }
    timings.try_into().unwrap()
}

/// Our store, and the parts of a request.
struct Ours {
    counters: MemoryCounters,
    counter_key: CounterKey,
    rule: Rule,
    clock: quanta::Clock,
    begin: u64,
}

impl Ours {
    fn new() -> Self {
        let clock = quanta::Clock::new();
        Self {
            counters: MemoryCounters::new(),
            counter_key: CounterKey::new("GET:/items", "per client", 0, 0),
            rule: Rule::Quota(Quota::FixedWindow {
                capacity: 1 << 40,
                period: 3_600 * SECOND,
            }),
            begin: clock.raw(),
            clock,
        }
    }

    fn ask(&self, client: IpAddr) {
        /// A time in this decade, as read from the wall clock at the start.
        const EPOCH: u64 = 1_800_000_000 * SECOND;
        let IpAddr::V4(client) = client else {
            panic!("only IPv4 here");
        };
        let now = EPOCH + self.clock.delta_as_nanos(self.begin, self.clock.raw());
        let key = client.octets();
        let charge = Charge::new(&self.counter_key, &key, &self.rule);
        assert!(self.counters.charge_at(&[charge], now)[0].allowed);
    }
}

fn governor() -> DefaultKeyedRateLimiter<IpAddr> {
    RateLimiter::keyed(governor::Quota::per_second(NonZero::<u32>::MAX))
}

fn client(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// Clients by Zipf's law with an exponent of 1: the second one is half as frequent as the first.
fn zipf(clients: u32, length: usize) -> Vec<IpAddr> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut sum = 0.0;
    let weights = (1..=clients).map(|rank| {
        sum += 1.0 / f64::from(rank);
        sum
    });
    let weights: Vec<f64> = weights.collect();
    let pick = |_| {
        let point = random.f64() * sum;
        client(weights.partition_point(|weight| *weight < point) as u32)
    };
    (0..length).map(pick).collect()
}

/// The memory of a million keys that were used once, by the resident memory of the process.
fn bytes_per_idle_key() {
    const KEYS: u32 = 1_000_000;
    let grown = |store: &dyn Fn(IpAddr)| {
        let before = resident_bytes();
        (0..KEYS).map(client).for_each(store);
        resident_bytes().saturating_sub(before) as f64 / f64::from(KEYS)
    };
    let (ours, peer) = (Ours::new(), governor());
    let (our_growth, peer_growth) = (
        grown(&|key| ours.ask(key)),
        grown(&|key| assert!(peer.check_key(&key).is_ok())),
    );
    let kept = ours.counters.len();
    let exact = ours.counters.approximate_bytes() as f64 / kept as f64;
    println!(
        "\nbytes per idle key at {KEYS} keys: ours {our_growth:.0} resident, {exact:.0} by its own account \
         ({kept} kept); governor keyed {peer_growth:.0} resident"
    );
    black_box((ours.counters, peer));
}

/// Ten million keys, most of which find the store full: it grows to its bound and no further.
fn a_flood_of_keys() {
    const KEYS: u32 = 10_000_000;
    const MOST: usize = 256 << 20;
    let store = Ours::new();
    (0..KEYS).map(client).for_each(|key| store.ask(key));
    let (kept, bytes) = (store.counters.len(), store.counters.approximate_bytes());
    println!(
        "{KEYS} distinct keys: {kept} kept, {} MiB of {}",
        bytes >> 20,
        MOST >> 20
    );
    // Each of its 64 parts may have one more counter: the one that new keys share.
    assert!(
        kept <= 1_000_064 && bytes <= MOST,
        "the store outgrew its bounds"
    );
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages.and_then(|pages| pages.parse().ok()).unwrap_or(0) * 4_096
}
