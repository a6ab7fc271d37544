use std::time::Duration;

use tokio::time::timeout;

use super::Waygate;

/// How long a task may take to end; a store that does not answer would hold it up for longer.
const GRACE: Duration = Duration::from_secs(5);

impl Waygate {
    /// Ends the background tasks, the event streams of `/docs` and those of [`subscribe`](Self::subscribe), so that a
    /// graceful shutdown of the server, which waits for open responses, comes to its end:
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
    /// Requests that are still served, or still come, are decided by the last known state. Changes of other processes are
    /// followed no longer; those of this process are written and hold. Counters that are
    /// [kept in a file](crate::WaygateBuilder::counter_snapshot) are written.
    ///
    /// Returns when the tasks have ended; after five seconds, in which a store may not have answered, they are aborted. A
    /// second call does nothing.
    pub async fn shutdown(&self) {
        let mut tasks = self.inner.channels.close();
        let ended = timeout(GRACE, async {
            for task in &mut tasks {
                // One that has panicked has ended as well.
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("background tasks have not ended in time, and are aborted");
            for task in &tasks {
                task.abort();
            }
        }
    }
}
