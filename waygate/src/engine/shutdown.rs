use std::time::Duration;

use tokio::time::timeout;

use super::Waygate;

/// The time that tasks have to stop. A store that does not respond could delay them indefinitely.
const GRACE: Duration = Duration::from_secs(5);

impl Waygate {
    /// Stops the background tasks and closes the event streams of `/docs` and [`subscribe`](Self::subscribe), so that a
    /// graceful shutdown of the server, which waits for open responses, can complete:
    ///
    /// ```no_run
    /// # use waygate::Waygate;
    /// # async fn serve(waygate: Waygate, router: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// axum::serve(listener, router)
    ///     .with_graceful_shutdown(async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         waygate.shutdown().await;
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// The last known state applies to requests that are in flight or still arrive. Changes made by other processes are
    /// no longer picked up; changes made by this process are still written and take effect. Counters that are [kept in
    /// a file](crate::WaygateBuilder::counter_snapshot) are saved.
    ///
    /// Returns once all tasks have stopped. Tasks that are still running after five seconds, for example because the
    /// store does not respond, are aborted. Further calls have no effect.
    pub async fn shutdown(&self) {
        let mut tasks = self.inner.channels.close();
        #[cfg(feature = "flags")]
        self.inner.flag_facts.close();
        let ended = timeout(GRACE, async {
            for task in &mut tasks {
                // A task that panicked has stopped, too.
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("background tasks did not stop in time and were aborted");
            for task in &tasks {
                task.abort();
            }
        }
    }
}
