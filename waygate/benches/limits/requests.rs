//! A request that a router answers with text, limited by the client's address: called directly, and over a connection
//! that hyper serves. "Added" is the cost above the bare router.

use std::net::Ipv4Addr;

use waygate::limits::RateLimitHeaders;
use waygate_bench::{Row, Timing, Variant, floor, time};

use super::routers::{governed, limited, router};

pub(super) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut rows = compare(
            "one request",
            &time(variants(false).await),
            [
                ("by ip, no headers", Some(1.3)),
                ("by ip, headers", Some(0.95)),
                ("by ip, the standard headers", None),
                ("by ip, all headers", None),
            ],
        );
        rows.extend(compare(
            "one request through hyper",
            &time(variants(true).await),
            [
                ("hyper: by ip, no headers", None),
                ("hyper: by ip, headers", Some(1.05)),
                ("hyper: by ip, the standard headers", None),
                ("hyper: by ip, all headers", None),
            ],
        ));
        rows
    })
}

/// Compares ours with the peer; the indices are those of `variants`.
fn compare(title: &str, timings: &[Timing], rows: [(&'static str, Option<f64>); 4]) -> Vec<Row> {
    print(title, timings);
    let added = |index: usize| timings[index].min - timings[0].min;
    let peers = [
        ("tower_governor PeerIp", 3),
        ("tower_governor, use_headers", 4),
    ];
    let ours = 5..;
    ours.zip(rows)
        .map(|(ours, (name, target))| {
            let (peer, index) = peers[usize::from(ours > 5)];
            Row::new(name, added(ours), peer, added(index), target)
        })
        .collect()
}

fn print(title: &str, timings: &[Timing]) {
    println!(
        "\n{title:<34} {:>9} {:>9} {:>14}",
        "min", "p10", "added (min)"
    );
    for Timing { name, min, p10, .. } in timings {
        let added = min - timings[0].min;
        println!("{name:<34} {min:>6.0} ns {p10:>6.0} ns {added:>11.0} ns");
    }
}

async fn variants(through_hyper: bool) -> Vec<Variant> {
    use RateLimitHeaders::{Both, Legacy, Off, Standard};
    let variants = [
        ("bare axum", router()),
        ("bare axum, again", router()),
        ("empty layer", floor(router())),
        ("tower_governor, no headers", governed(false)),
        ("tower_governor, headers", governed(true)),
        ("waygate, no headers", limited(Off).await),
        // The headers of the peer, and one more: the reset.
        ("waygate, headers", limited(Legacy).await),
        ("waygate, standard headers", limited(Standard).await),
        ("waygate, all headers", limited(Both).await),
    ];
    let peer = (Ipv4Addr::new(203, 0, 113, 7), 4711);
    let variants = variants.into_iter().map(|(name, router)| {
        let variant = Variant::new(name, router, "/items/42").from_peer(peer);
        match through_hyper {
            true => variant.through_hyper(),
            false => variant,
        }
    });
    variants.collect()
}
