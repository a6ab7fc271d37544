use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

/// Waits until `holds`, and returns how long it took.
///
/// # Panics
/// If it does not hold within `limit`.
pub async fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// Returns a port on 127.0.0.1 without a listener.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
    listener.local_addr().expect("its address").port()
}
