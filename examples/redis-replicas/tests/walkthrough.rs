//! Checks the claims of the walk-through. Needs `redis-server`.

use std::{path::Path, time::Duration};

use redis_replicas::{fleet::SIZE, replica::LIMIT, walkthrough::walk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replicas_share_a_limit_and_keep_serving_without_redis() {
    let program = Path::new(env!("CARGO_BIN_EXE_redis-replicas"));
    let figures = walk(program, None).await.unwrap();
    assert_eq!(figures.shared.iter().sum::<usize>(), LIMIT);
    assert!(figures.change < Duration::from_millis(100), "{figures:?}");

    let outage = figures.outage.unwrap();
    assert_eq!(outage.answers.count, 1_500);
    assert_eq!(outage.answers.server_errors, 0);
    // A request may wait 50 ms for Redis; the rest is for a busy machine.
    let most = outage.usual.slowest + Duration::from_millis(500);
    assert!(outage.answers.slowest < most, "{outage:?}");
    assert_eq!(outage.alone, [LIMIT.div_ceil(SIZE); SIZE]);
    assert!(outage.recovery < Duration::from_secs(2), "{outage:?}");
    assert_eq!(outage.shared_again.iter().sum::<usize>(), LIMIT);
}
