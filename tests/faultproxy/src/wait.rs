use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

/// Waits until `holds`, and says how long it took.
///
/// # Panics
/// When it does not hold within `limit`.
pub async fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// A port on 127.0.0.1 where nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on 127.0.0.1");
    listener.local_addr().expect("its address").port()
}
