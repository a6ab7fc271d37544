use tokio::sync::Semaphore;

use super::failure::Failure;

/// The most bytes of a body that is evaluated among other requests.
const SMALL: usize = 2 * 1024;

/// The evaluations that run at the same time. Others wait, so that they do not take all threads for blocking work.
static RUNNING: Semaphore = Semaphore::const_new(16);

/// Evaluates for a body of this size. A large context takes some 100 ms if flags compare it with thousands of operands, so
/// that its evaluation blocks no other requests.
pub(super) async fn evaluate<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if bytes <= SMALL {
        return work();
    }
    // It is never closed.
    let permit = RUNNING.acquire().await;
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    let work = work.await;
    work.map_err(|_| Failure::internal())?
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn large_contexts_block_no_other_requests() {
        let here = thread::current().id();
        for (bytes, is_here) in [(0, true), (SMALL, true), (SMALL + 1, false)] {
            let there = evaluate(bytes, || Ok(thread::current().id())).await;
            assert_eq!(there.unwrap() == here, is_here, "{bytes}");
        }
        let failed = evaluate(SMALL + 1, || Err::<(), _>(Failure::no_flag("f"))).await;
        assert!(format!("{:?}", failed.unwrap_err()).contains("FLAG_NOT_FOUND"));
    }
}
